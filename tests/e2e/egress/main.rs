//! The egress gateway, end to end: what a sandbox and a job reach by name, and all they must not reach. The world
//! is on the loopback: a name server and servers of the tests' own.

mod attacks;
mod callers;
mod datagrams;
mod exhaustion;
mod forge;
mod jobs;
mod limits;
mod names;
mod proxies;
mod quic;
mod rules;
mod streams;
mod table;
mod tools;
mod transports;
mod ways;
mod world;
