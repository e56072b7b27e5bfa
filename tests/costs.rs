//! What operations cost, as far as it does not depend on the machine: the processor's instructions, and what Redis is asked
//! for. Both are held to a table, above which they may not rise, and which follows when they fall.

mod instructions;
mod redis;
