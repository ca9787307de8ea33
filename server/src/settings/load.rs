//! Reads the settings.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, bail};
use config::{Config, Environment, File, FileFormat};

use super::model::Settings;

/// Variables by other names, and the settings that they stand for.
const OTHER_NAMES: [(&str, &str); 5] = [
    ("REDIS_URL", "KEFU_REDIS__URL"),
    ("UPLOAD_DIR", "KEFU_FILES__DIR"),
    ("MAX_FILE_SIZE", "KEFU_FILES__MAX_BYTES"),
    ("OPENAI_API_KEY", "KEFU_AI__API_KEY"),
    ("SPEECH_API_ENDPOINT", "KEFU_SPEECH__ENDPOINT"),
];

/// Variables that begin with `KEFU_` and are not settings.
const NOT_SETTINGS: [&str; 2] = ["KEFU_CONFIG", "KEFU_WEB_DIST"];

/// Settings whose variables are lists, separated by commas.
const LISTS: [&str; 5] =
    ["server.roles", "server.allowed_origins", "server.frame_ancestors", "server.trusted_proxies", "cql.nodes"];

/// The settings, and what to say about them once logging works.
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// Remarks on variables that no setting has.
    pub warnings: Vec<String>,
}

/// The documented defaults.
#[must_use]
pub fn default_text() -> &'static str {
    include_str!("../../default-config.toml")
}

/// Reads a file, if one is named, and the environment over it.
///
/// # Errors
/// A file that cannot be read, a key that no setting has, a value of the wrong type.
pub fn load(file: Option<&Path>, environment: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Loaded> {
    let Some(path) = file else { return read(None, environment) };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    read(Some(&text), environment).with_context(|| format!("with {}", path.display()))
}

/// Reads the text of a file, if there is one, and the environment over it.
///
/// # Errors
/// A key that no setting has, a value of the wrong type.
pub fn read(text: Option<&str>, environment: impl IntoIterator<Item = (String, String)>) -> anyhow::Result<Loaded> {
    let mut builder = Config::builder();
    if let Some(text) = text {
        toml::from_str::<Settings>(text).context("in the file")?;
        builder = builder.add_source(File::from_str(text, FileFormat::Toml));
    }
    let (variables, warnings) = known_variables(environment);
    let mut source = Environment::with_prefix("KEFU")
        .prefix_separator("_")
        .separator("__")
        .try_parsing(true)
        .list_separator(",")
        .ignore_empty(true)
        .source(Some(variables));
    for list in LISTS {
        source = source.with_list_parse_key(list);
    }
    let config = builder.add_source(source).build().context("the settings cannot be read")?;
    let settings: Settings = config.try_deserialize().context("a setting has a wrong value")?;
    check(&settings)?;
    Ok(Loaded { settings, warnings })
}

/// Variables that are settings. Others that begin with `KEFU_` are remarked on and passed over: some platforms set such.
fn known_variables(environment: impl IntoIterator<Item = (String, String)>) -> (HashMap<String, String>, Vec<String>) {
    let known: HashSet<String> = Settings::SECTIONS
        .iter()
        .flat_map(|(section, fields)| fields.iter().map(|field| variable(section, field)))
        .collect();
    let mut variables = HashMap::new();
    let mut warnings = Vec::new();
    let mut others = Vec::new();
    for (name, value) in environment {
        if let Some((_, own)) = OTHER_NAMES.iter().find(|(other, _)| *other == name) {
            others.push(((*own).to_owned(), value));
        } else if name.starts_with("KEFU_") && !NOT_SETTINGS.contains(&name.as_str()) && !name.starts_with("KEFU_TEST_")
        {
            if known.contains(&name) {
                variables.insert(name, value);
            } else {
                warnings.push(format!("the variable {name} is not a setting of Kefu; it is passed over"));
            }
        }
    }
    for (name, value) in others {
        variables.entry(name).or_insert(value);
    }
    (variables, warnings)
}

/// The name of a setting's variable.
fn variable(section: &str, field: &str) -> String {
    format!("KEFU_{}__{}", section.to_uppercase(), field.to_uppercase())
}

fn check(settings: &Settings) -> anyhow::Result<()> {
    if settings.server.roles.is_empty() {
        bail!("server.roles is empty: a process needs at least one role");
    }
    if !(1..=1024).contains(&settings.deployment.partitions) {
        bail!("deployment.partitions must be 1 to 1024");
    }
    if !(1..=64).contains(&settings.deployment.allocation_partitions) {
        bail!("deployment.allocation_partitions must be 1 to 64");
    }
    if !(1..=5).contains(&settings.nats.replicas) {
        bail!("nats.replicas must be 1 to 5");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::model::{Role, Section as _, Tenant};
    use secrecy::ExposeSecret as _;

    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// The text with its settings switched on.
    fn uncommented(text: &str) -> String {
        let is_setting =
            |rest: &str| rest.starts_with('[') || rest.starts_with(|first: char| first.is_ascii_lowercase());
        let line = |line: &str| match line.strip_prefix('#') {
            Some(rest) if is_setting(rest) => rest.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_setting_is_documented_and_has_a_variable() {
        let table: toml::Table = toml::from_str(&uncommented(default_text())).expect("a table");
        let documented: BTreeSet<&str> = table.keys().map(String::as_str).collect();
        assert_eq!(documented, Settings::FIELDS.iter().copied().collect());
        let with_variables = Settings::SECTIONS.iter().map(|(section, _)| *section).chain(["tenants"]);
        assert_eq!(documented, with_variables.collect());
        for (section, fields) in Settings::SECTIONS {
            let documented: BTreeSet<&str> =
                table[section].as_table().expect("a section").keys().map(String::as_str).collect();
            assert_eq!(documented, fields.iter().copied().collect(), "[{section}]");
        }
        let tenant = table["tenants"][0].as_table().expect("a tenant");
        let documented: BTreeSet<&str> = tenant.keys().map(String::as_str).collect();
        assert_eq!(documented, Tenant::FIELDS.iter().copied().collect());
    }

    #[test]
    fn the_documented_defaults_are_the_defaults() {
        let documented: Settings = toml::from_str(&uncommented(default_text())).expect("all documented settings exist");
        let without_tenants = Settings { tenants: Vec::new(), ..documented };
        assert_eq!(format!("{without_tenants:?}"), format!("{:?}", Settings::default()));
    }

    #[test]
    fn variables_win_over_the_file() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("kefu.toml");
        std::fs::write(&path, "[server]\nlisten = \"127.0.0.1:1\"\n[nats]\nurl = \"nats://a\"\n").expect("write");
        let loaded = load(
            Some(&path),
            variables(&[
                ("KEFU_NATS__URL", "nats://b"),
                ("KEFU_SERVER__ROLES", "edge,router"),
                ("REDIS_URL", "redis://c"),
            ]),
        )
        .expect("valid");
        assert_eq!(loaded.settings.server.listen.to_string(), "127.0.0.1:1");
        assert_eq!(loaded.settings.nats.url, "nats://b");
        assert_eq!(loaded.settings.server.roles, [Role::Edge, Role::Router]);
        assert_eq!(loaded.settings.redis.url.expose_secret(), "redis://c");
        assert!(loaded.warnings.is_empty());
    }

    #[test]
    fn an_unknown_key_is_refused_and_an_unknown_variable_remarked_on() {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("kefu.toml");
        std::fs::write(&path, "[server]\nlissten = \"127.0.0.1:1\"\n").expect("write");
        let error = load(Some(&path), variables(&[])).err().expect("refused");
        assert!(format!("{error:#}").contains("lissten"), "{error:#}");
        let loaded = load(None, variables(&[("KEFU_SERVICE_HOST", "10.0.0.1")])).expect("valid");
        assert_eq!(loaded.warnings.len(), 1);
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused() {
        let error = load(None, variables(&[("KEFU_DEPLOYMENT__PARTITIONS", "many")])).err().expect("refused");
        assert!(format!("{error:#}").contains("partitions"), "{error:#}");
        assert!(load(None, variables(&[("KEFU_DEPLOYMENT__PARTITIONS", "0")])).is_err());
    }
}
