//! What the commands that fold history share: questions about the past as people write them, and progress as they
//! see it.

mod asked;
mod progress;
mod signals;

pub use asked::{AskedMoment, Where, moment_question, moment_time};
pub use progress::{Bar, finished_line, line};
pub use signals::until_interrupted;
