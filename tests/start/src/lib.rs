//! What an engine says that cannot start: everything that is wrong, at once. Registrations are those of a whole program, so each of its
//! tests is a program of its own.
