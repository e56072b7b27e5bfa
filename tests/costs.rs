//! What an operation costs in what does not depend on the machine.

mod instructions;
