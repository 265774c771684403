//! Given events, a fold, rows; and namespaces on the test stack.
