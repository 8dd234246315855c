//! The part of a memory for which the operating system has given pages.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The most pages of all memories that one measurement looks at: 16 GiB of memory, whose entries are 32 MiB.
const MAX_PAGES: u64 = 1 << 22;

/// The bytes of a page's entry.
const ENTRY: usize = 8;

/// The page is in memory.
const IS_PRESENT: u64 = 1 << 63;

/// The page belongs to a file, or is shared: an initial page of a component that no instance has written.
const IS_SHARED: u64 = 1 << 61;

/// A measurement of resident memory: one look at the page table of this process, as Linux shows it in
/// `/proc/self/pagemap`.
pub(crate) struct Residence {
    pagemap: File,
    page_bytes: u64,
    left: u64,
}

impl Residence {
    /// Begins a measurement. Returns `None` if the system does not show its page table.
    pub(crate) fn measure() -> Option<Residence> {
        let pagemap = File::open("/proc/self/pagemap").ok()?;
        let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
        Some(Residence { pagemap, page_bytes, left: MAX_PAGES })
    }

    /// Returns the bytes of this range that are resident and not shared. Returns `None` if the measurement
    /// has looked at too many pages, or cannot read.
    pub(crate) fn of(&mut self, address: u64, bytes: u64) -> Option<u64> {
        let pages = bytes.div_ceil(self.page_bytes);
        self.left = self.left.checked_sub(pages)?;
        let entries = self.entries(address / self.page_bytes, pages).ok()?;
        let resident = entries.chunks_exact(ENTRY).filter(|entry| {
            let entry = (*entry).try_into().map_or(0, u64::from_ne_bytes);
            entry & IS_PRESENT != 0 && entry & IS_SHARED == 0
        });
        Some(self.page_bytes.saturating_mul(resident.count() as u64))
    }

    fn entries(&self, first: u64, pages: u64) -> io::Result<Vec<u8>> {
        let bytes = usize::try_from(pages).unwrap_or(usize::MAX).saturating_mul(ENTRY);
        let mut entries = vec![0; bytes];
        self.pagemap.read_exact_at(&mut entries, first.saturating_mul(ENTRY as u64))?;
        Ok(entries)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn pages_that_were_written_are_resident() {
        const PAGES: usize = 1_024;
        let mut residence = Residence::measure().unwrap();
        let page = usize::try_from(residence.page_bytes).unwrap();
        // Zeros come from the system, which has given no page for them yet.
        let mut memory = vec![0_u8; PAGES * page];
        let (address, bytes) = (memory.as_ptr().addr() as u64, memory.len() as u64);
        let before = residence.of(address, bytes).unwrap();
        memory.iter_mut().step_by(page).take(300).for_each(|byte| *byte = 1);
        let after = residence.of(address, bytes).unwrap();
        assert!(before <= 8 * page as u64, "{before}");
        assert!((299..=316).contains(&(after / page as u64)), "{after}");
        drop(memory);
    }

    #[test]
    fn measurement_ends_at_its_bound() {
        let mut residence = Residence::measure().unwrap();
        let page = residence.page_bytes;
        assert_eq!(residence.of(0, page), Some(0));
        assert_eq!(residence.of(0, (MAX_PAGES + 1) * page), None);
    }
}
