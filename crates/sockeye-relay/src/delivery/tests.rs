//! Holds the machine to its rules: tables for the small ones, a world of failures for the guarantees.

mod rules;
mod simulation;
mod store;
