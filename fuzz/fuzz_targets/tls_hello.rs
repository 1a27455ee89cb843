#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| palisade_fuzz::egress::tls_hello(data));
