#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| airssys_fuzz_targets::origins(data));
