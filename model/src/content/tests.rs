use super::*;

fn text(text: &str) -> Content {
    Content::Text(text.to_owned())
}

fn attachment() -> Attachment {
    Attachment {
        file_id: "f1".to_owned(),
        name: "发票 1.pdf".to_owned(),
        size_bytes: 10,
        mime: "application/pdf".to_owned(),
        width_px: None,
        height_px: None,
        duration_ms: None,
    }
}

fn card() -> Card {
    Card {
        title: "Order 17".to_owned(),
        text: Some("2 × tea".to_owned()),
        url: Some("https://example.com/17".to_owned()),
        image_url: None,
        fields: vec![("Total".to_owned(), "12 €".to_owned())],
    }
}

fn with_file(change: impl Fn(&mut Attachment)) -> Vec<Result<(), Refusal>> {
    let mut file = attachment();
    change(&mut file);
    [Content::Image, Content::File, Content::Audio, Content::Video]
        .into_iter()
        .map(|kind| kind(file.clone()).validate())
        .collect()
}

fn with_card(change: impl Fn(&mut Card)) -> Result<(), Refusal> {
    let mut changed = card();
    change(&mut changed);
    Content::Card(changed).validate()
}

#[test]
fn texts_have_something_to_say() {
    assert_eq!(text("hello").validate(), Ok(()));
    for empty in ["", " ", "\n\t\u{3000}"] {
        assert_eq!(text(empty).validate(), Err(Refusal::Empty), "{empty:?}");
        assert_eq!(Content::System(empty.to_owned()).validate(), Err(Refusal::Empty));
    }
    assert_eq!(text("a\0b").validate(), Err(Refusal::BadField));
    assert_eq!(text("two\nlines").validate(), Ok(()));
}

#[test]
fn texts_are_limited_in_characters_not_bytes() {
    assert_eq!(text(&"客".repeat(TEXT_CHARS)).validate(), Ok(()));
    assert_eq!(text(&"客".repeat(TEXT_CHARS + 1)).validate(), Err(Refusal::TooLong));
    assert_eq!(text(&"😀".repeat(TEXT_CHARS)).validate(), Ok(()));
    assert_eq!(Content::System("x".repeat(TEXT_CHARS + 1)).validate(), Err(Refusal::TooLong));
}

#[test]
fn attachments_name_a_file_a_name_and_a_type() {
    let all = |result| vec![result; 4];
    assert_eq!(with_file(|_| {}), all(Ok(())));
    assert_eq!(with_file(|file| file.file_id.clear()), all(Err(Refusal::Empty)));
    assert_eq!(with_file(|file| file.name.clear()), all(Err(Refusal::Empty)));
    assert_eq!(with_file(|file| file.mime.clear()), all(Err(Refusal::Empty)));
    assert_eq!(with_file(|file| file.name = "n".repeat(FILE_NAME_BYTES + 1)), all(Err(Refusal::TooLong)));
    assert_eq!(with_file(|file| file.file_id = "f".repeat(SHORT_BYTES + 1)), all(Err(Refusal::TooLong)));
    assert_eq!(with_file(|file| file.name = "a\nb".to_owned()), all(Err(Refusal::BadField)));
    for mime in ["pdf", "/", "a/", "a/b/c"] {
        assert_eq!(with_file(|file| file.mime = mime.to_owned()), all(Err(Refusal::BadField)), "{mime}");
    }
}

#[test]
fn cards_lead_to_the_web_and_nowhere_else() {
    assert_eq!(with_card(|_| {}), Ok(()));
    for url in ["javascript:alert(1)", "ftp://x", "https://", "https:///x", "https://a b", "example.com"] {
        assert_eq!(with_card(|card| card.url = Some(url.to_owned())), Err(Refusal::BadField), "{url}");
        assert_eq!(with_card(|card| card.image_url = Some(url.to_owned())), Err(Refusal::BadField), "{url}");
    }
    assert_eq!(with_card(|card| card.url = Some("http://x".to_owned())), Ok(()));
    let long = format!("https://{}", "x".repeat(URL_BYTES));
    assert_eq!(with_card(|card| card.url = Some(long.clone())), Err(Refusal::TooLong));
}

#[test]
fn cards_are_limited() {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(with_card(|card| card.title = " ".to_owned()), Err(Refusal::Empty));
    assert_eq!(with_card(|card| card.title = "t".repeat(201)), Err(Refusal::TooLong));
    assert_eq!(with_card(|card| card.text = Some("t".repeat(TEXT_CHARS + 1))), Err(Refusal::TooLong));
    assert_eq!(with_card(|card| card.fields = vec![field("a", "b"); CARD_FIELDS]), Ok(()));
    assert_eq!(with_card(|card| card.fields = vec![field("a", "b"); CARD_FIELDS + 1]), Err(Refusal::TooLong));
    assert_eq!(with_card(|card| card.fields = vec![field("", "b")]), Err(Refusal::Empty));
    assert_eq!(with_card(|card| card.fields = vec![field(&"n".repeat(101), "b")]), Err(Refusal::TooLong));
    assert_eq!(with_card(|card| card.fields = vec![field("n", &"v".repeat(501))]), Err(Refusal::TooLong));
}
