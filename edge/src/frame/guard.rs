//! Guards against input that is cheap to send and dear to read.

/// Whether JSON nests at most `max_depth` deep. Text that is no JSON may pass; the parser refuses it.
#[must_use]
pub fn json_depth_ok(text: &[u8], max_depth: usize) -> bool {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                if depth > max_depth {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert!(json_depth_ok(br#"{"a":"[[[[[[\"[[["}"#, 1));
        assert!(json_depth_ok(b"[[1],[2]]", 2));
        assert!(!json_depth_ok(b"[[[1]]]", 2));
        assert!(json_depth_ok(b"]]]][", 1));
    }
}
