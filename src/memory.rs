//! Where memory comes from.

use mimalloc::MiMalloc;

/// A debit allocates some sixty times, for which the C library took a fifth of a function's time under load.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;
