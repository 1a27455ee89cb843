//! Identity, end to end: credentials of providers, brokered for jobs. Real are the clients (the AWS CLI, boto3,
//! google-auth, azure-identity) and moto's server; the other providers are stand-ins of ours.

mod aws;
mod azure;
mod faults;
mod gcp;
mod git;
mod kubernetes;
mod moto;
mod oidc;
mod secrets;
mod stand_in;
mod vault;
mod world;
