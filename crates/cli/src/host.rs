//! How this process calls itself to others.

/// The host's name and the number of the process.
pub fn instance_name() -> String {
    format!("{}:{}", host_name(), std::process::id())
}

/// The host's name as the kernel has it.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unnamed".to_owned(),
        name => name.to_owned(),
    }
}
