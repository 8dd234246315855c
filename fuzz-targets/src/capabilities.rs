//! Decisions: an access is allowed only by a line, and a denial names a line that would allow it.

use std::path::Path;

use airssys_core::{Topic, TopicPattern};
use airssys_spec::manifest::ComponentManifest;
use airssys_spec::pattern::check_instance_name;
use airssys_spec::{Access, Capabilities, Denied, NamePattern, Origin, Subject, UsePattern, decide};

use crate::lines;

/// Input: the subject, its patterns separated by blanks, and the wanted access, a line each.
pub fn capabilities(data: &[u8]) {
    let Some([who, may, wants]) = lines(data) else { return };
    let Ok(subject) = NamePattern::parse(who) else { return };
    if !subject.is_exact() {
        return;
    }
    let component = subject.segments().next().unwrap_or_default();
    let who = Subject::new(component, subject.as_str());
    let names: Vec<NamePattern> = may.split(' ').filter_map(|text| text.parse().ok()).collect();
    let topics: Vec<TopicPattern> = may.split(' ').filter_map(|text| text.parse().ok()).collect();
    let capabilities = Capabilities {
        send: names.clone(),
        request: names,
        publish: topics.clone(),
        subscribe: topics,
        http_outgoing: may.split(' ').filter_map(|text| text.parse().ok()).collect(),
        uses: may.split(' ').filter_map(|text| text.parse().ok()).collect(),
        input: false,
    };
    for access in [Access::Send { to: wants }, Access::Request { to: wants }, Access::Input] {
        decided(&who, &capabilities, &access);
    }
    if let Ok(topic) = wants.parse::<Topic>() {
        decided(&who, &capabilities, &Access::Publish { topic: &topic });
    }
    if let Ok(pattern) = wants.parse::<TopicPattern>() {
        decided(&who, &capabilities, &Access::Subscribe { pattern: &pattern });
    }
    if let Ok(right) = wants.parse::<UsePattern>() {
        decided(&who, &capabilities, &Access::Use { right: &right });
    }
    if let Ok(origin) = wants.parse::<Origin>() {
        decided(&who, &capabilities, &Access::HttpOutgoing { origin: &origin });
    }
}

fn decided(who: &Subject, capabilities: &Capabilities, access: &Access<'_>) {
    let nothing = Capabilities::default();
    assert!(decide(who, &nothing, access).is_err() || decide(who, capabilities, access).is_ok());
    if let Err(denied) = decide(who, capabilities, access) {
        allows(who, access, &denied);
    }
}

/// Checks that the line in a denial allows the denied access, if a manifest can contain it.
fn allows(who: &Subject, access: &Access<'_>, denied: &Denied) {
    assert!(!denied.to_string().is_empty());
    let line = denied.component_line();
    let text = format!("[component]\nname = \"x\"\nversion = \"1.0.0\"\n[capabilities]\n{line}\n");
    let is_named = matches!(access, Access::Send { .. } | Access::Request { .. });
    let is_instance = denied.object.as_deref().is_none_or(|name| check_instance_name(name).is_ok());
    match ComponentManifest::parse(&text, Path::new("Component.toml")) {
        // A manifest can ask for a pattern, but a pattern is not the name of an instance.
        Ok(_) if is_named && !is_instance => {}
        Ok(manifest) => assert!(decide(who, &manifest.capabilities, access).is_ok(), "{line}"),
        // The wanted text may not be a valid name.
        Err(diagnostics) => {
            let is_name = denied.object.as_deref().is_none_or(|name| NamePattern::parse(name).is_ok());
            assert!(is_named && !is_name, "{line}: {diagnostics}");
        }
    }
}
