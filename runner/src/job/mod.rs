//! Runs the jobs of a workflow.
