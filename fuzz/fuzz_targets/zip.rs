#![no_main]
//! Any bytes as a wheel of which the tail was fetched: its directory and members.

use bytes::Bytes;
use wheel_layers::zip::{Directory, Find, find_directory};

/// More unpacked bytes than any METADATA has.
const LIMIT: u64 = 1 << 20;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let total = data.len() as u64;
    let _ = find_directory(data, total.saturating_mul(3));
    let Ok(Find::At { start, length }) = find_directory(data, total) else { return };
    let entries = Bytes::copy_from_slice(&data[start as usize..(start + length) as usize]);
    let Ok(directory) = Directory::new(entries, start) else { return };
    directory.unpacked_size();
    for member in directory.members() {
        let local = &data[member.offset as usize..];
        let Ok(offset) = member.data_offset(local) else { continue };
        let packed = local.get(offset as usize..).unwrap_or_default();
        let packed = &packed[..packed.len().min(member.packed as usize)];
        assert!(member.unpack(packed, LIMIT).map_or(0, |b| b.len() as u64) <= LIMIT);
    }
});
