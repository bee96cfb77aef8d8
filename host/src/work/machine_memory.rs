//! How much memory this process may use: what the machine has, or less where a container or a service is bounded.

#![expect(clippy::disallowed_methods, reason = "read once, on the main thread")]

#[cfg(target_os = "linux")]
use std::fs;
#[cfg(target_os = "linux")]
use std::path::Path;

/// Taken for what there is where the system does not say.
const UNKNOWN: u64 = 4 << 30;
/// Calls have at least this, or nothing would run on the smallest machines.
const LEAST: u64 = 256 << 20;

/// What all calls into plugins may take together unless the configuration says it: half of what there is.
pub fn usual_memory() -> u64 {
    (available() / 2).max(LEAST)
}

#[cfg(not(target_os = "linux"))]
fn available() -> u64 {
    UNKNOWN
}

#[cfg(target_os = "linux")]
fn available() -> u64 {
    let read = |path: &Path| fs::read_to_string(path).ok();
    let machine = read(Path::new("/proc/meminfo")).and_then(|text| total(&text));
    let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
    bounded(machine.unwrap_or(UNKNOWN), &groups, read)
}

/// `MemTotal` in bytes.
#[cfg(target_os = "linux")]
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1 << 10)
}

/// The least of `machine` and the bounds of the control groups that the process is in, and of those around them.
#[cfg(target_os = "linux")]
fn bounded(machine: u64, groups: &str, read: impl Fn(&Path) -> Option<String>) -> u64 {
    let bound = |path: &Path| read(path)?.trim().parse::<u64>().ok();
    // Of version 2 `0::/path`, of version 1 `7:memory:/path` (cgroups(7)). In a container the path is that of its root.
    let of_group = groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (root, file) = match controllers {
            "" => ("/sys/fs/cgroup", "memory.max"),
            one if one.split(',').any(|name| name == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => return Vec::new(),
        };
        let path = Path::new(path.trim_start_matches('/'));
        path.ancestors()
            .filter_map(|group| bound(&Path::new(root).join(group).join(file)))
            .collect()
    });
    of_group.fold(machine, u64::min)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_the_service_or_container_counts_where_it_is_less_than_the_machine() {
        let files = |path: &Path| {
            let text = match path.to_str()? {
                "/sys/fs/cgroup/system.slice/headwater.service/memory.max" => "max\n",
                "/sys/fs/cgroup/system.slice/memory.max" => "2147483648\n",
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes" => "1073741824\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes" => "9223372036854771712\n",
                "/sys/fs/cgroup/memory.max" => "536870912\n",
                _ => return None,
            };
            Some(text.to_owned())
        };
        let machine = 8 << 30;
        for (groups, expected) in [
            ("", machine),
            ("0::/elsewhere\n", 512 << 20),
            ("0::/\n", 512 << 20),
            ("3:cpu,cpuacct:/docker\n7:memory:/docker\n", 1 << 30),
            ("7:memory:/other\n", machine),
        ] {
            assert_eq!(bounded(machine, groups, files), expected, "{groups:?}");
        }
        let service = "0::/system.slice/headwater.service\n";
        let without_root = |path: &Path| match path.to_str() {
            Some("/sys/fs/cgroup/memory.max") => None,
            _ => files(path),
        };
        assert_eq!(bounded(machine, service, without_root), 2 << 30);
    }

    #[test]
    fn the_memory_of_this_machine_is_known() {
        assert_eq!(total("MemTotal:       16384 kB\nMemFree: 1 kB\n"), Some(16 << 20));
        assert!(available() >= 64 << 20);
    }
}
