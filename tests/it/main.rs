//! Cloakroom's tests: pure ones, ones against a real server, ones that kill it.

mod clock;
mod config;
mod copy;
mod crash;
mod disk;
mod guard;
mod harness;
mod job;
mod jobs;
mod life;
mod lock;
mod openapi;
mod origin;
mod outbound;
mod plan;
mod power;
mod raw;
mod remote;
mod run;
mod slow;
mod submit;
mod upload;
mod watch;
mod zip;
