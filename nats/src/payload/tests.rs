use super::*;

#[test]
fn another_version_is_refused_and_not_skipped() {
    let mut bytes = encode(&RecordWire::Claim("w".to_owned(), 7)).to_vec();
    bytes[0] = 9;
    assert!(matches!(decode::<RecordWire>(&bytes), Err(PayloadError::Version(9))));
    assert!(matches!(decode::<RecordWire>(&[]), Err(PayloadError::Empty)));
}

#[test]
fn an_unknown_kind_is_refused() {
    let foreign = [VERSION, 0x81, 0xa1, b'z', 0x90];
    assert!(matches!(decode::<RecordWire>(&foreign), Err(PayloadError::Malformed(_))));
}
