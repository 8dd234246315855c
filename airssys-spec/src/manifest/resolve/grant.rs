//! Checks the rights that components ask for against the grants of `app.toml`.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::Range;

use airssys_core::Pattern;
use airssys_core::pattern::WILDCARD;

use super::{Member, Team};
use crate::capability::{Capability, grant_line};
use crate::manifest::app::Grants;
use crate::manifest::diagnostic::Document;
use crate::manifest::lists::Lists;
use crate::manifest::load::{Files, join};
use crate::manifest::reader::{List, Located};
use crate::manifest::suggest::{is_similar, nearest, nearest_or_all};
use crate::pattern::NamePattern;
use crate::use_pattern::UsePattern;

type NameList = fn(&Lists) -> &List<NamePattern>;

/// The lists of names, of both manifests.
const NAME_LISTS: [(Capability, NameList); 2] =
    [(Capability::Send, |lists| &lists.send), (Capability::Request, |lists| &lists.request)];

impl Team<'_> {
    pub(super) fn check_grants(&self, files: &impl Files) {
        for grants in &self.app.grants {
            self.check_grant(grants, files);
        }
        // Mistakes about targets in a shared manifest are reported once, those about grants for each
        // component.
        let mut seen = BTreeSet::new();
        for member in &self.members {
            if seen.insert(&member.manifest_file) {
                for (capability, list) in NAME_LISTS {
                    self.check_targets(&member.read.document, capability, list(&member.read.asked.lists));
                }
                self.check_services(&member.read.document, &member.read.asked.lists.uses);
                self.check_per_target(member);
            }
            if let Some(name) = &member.name {
                self.check_requests(member, &name.value);
            }
        }
    }

    /// Checks that the component, the targets and the input of a table of grants exist.
    fn check_grant(&self, grants: &Grants, files: &impl Files) {
        let (document, component) = (&self.app.document, &grants.component);
        if self.member(&component.value).is_none() && self.is_complete() {
            let message =
                format!("[grants.{}] is for a component that the app does not have", component.value);
            let help = nearest_or_all(&component.value, "component", &self.names());
            document.report(Some(component.span.clone()), message, help);
        }
        for (capability, list) in NAME_LISTS {
            self.check_targets(document, capability, list(&grants.lists));
        }
        self.check_services(document, &grants.lists.uses);
        if let Some(input) = grants.input.written().filter(|input| input.value != "-") {
            let file = join(&document.file, &input.value);
            if !files.is_file(&file) {
                let message = format!("`{}` is not a file", file.display());
                let help = "write the path of a file, relative to this one, or write `\"-\"` for the program's own standard \
                            input";
                document.report(Some(input.span.clone()), message, help.to_owned());
            }
        }
    }

    /// Reports every exact name that no component or instance has.
    fn check_targets(&self, document: &Document, capability: Capability, list: &List<NamePattern>) {
        for target in list.items.iter().filter(|target| self.is_missing(&target.value)) {
            let mut segments = target.value.segments();
            let component = segments.next().unwrap_or_default();
            let (key, name) = (capability.key(), &target.value);
            let message = format!("`{key}` names `{name}`, which is not a component of the app");
            let help = match (self.member(component), nearest(component, self.names())) {
                (Some(member), _) => instances(&target.value, component, member),
                (None, Some(nearest)) => {
                    format!("did you mean `{nearest}{}`?", &name.as_str()[component.len()..])
                }
                (None, None) => nearest_or_all(component, "component", &self.names()),
            };
            document.report(Some(target.span.clone()), message, help);
        }
    }

    /// Reports every use of a service that the program does not have.
    fn check_services(&self, document: &Document, uses: &List<UsePattern>) {
        let Some(services) = self.services else { return };
        let unknown = |service: &str| service != WILDCARD && !services.contains(&service);
        for right in uses.items.iter().filter(|right| unknown(right.value.service())) {
            let (right_text, service) = (&right.value, right.value.service());
            let message = format!("`use` names `{right_text}`, and this program has no service `{service}`");
            let help = match nearest(service, services.iter().copied()) {
                Some(nearest) => {
                    format!("did you mean `{nearest}{}`?", &right_text.to_string()[service.len()..])
                }
                None => nearest_or_all(service, "service", services),
            };
            document.report(Some(right.span.clone()), message, help);
        }
    }

    /// Returns true if a pattern is the name of a component or instance that does not exist.
    fn is_missing(&self, pattern: &NamePattern) -> bool {
        if !pattern.is_exact() || !self.is_complete() {
            return false;
        }
        let mut segments = pattern.segments();
        let member = segments.next().and_then(|component| self.member(component));
        let Some(member) = member else { return true };
        // With a wrong number of instances, any may exist.
        let Some(count) = member.entry.instances.or(1) else { return false };
        match (segments.next(), segments.next()) {
            (None, _) => false,
            (Some(number), None) => count == 1 || !is_number(number, count),
            _ => true,
        }
    }

    /// Reports every right that a component asks for and the app does not grant.
    ///
    /// The first report has the whole table to paste, because tables and keys cannot be added twice.
    /// The others refer to it.
    fn check_requests(&self, member: &Member<'_>, name: &str) {
        let grants = self.grants(name);
        if grants.is_none() && !self.knows_grants(name) {
            return;
        }
        let missing = self.missing_rights(member, name, grants);
        let first = missing.iter().map(|right| right.span.start).min();
        let Some(first) = missing.iter().find(|right| Some(right.span.start) == first) else { return };
        let (asked, app) = (&member.read.document, &self.app.document);
        let table = merged_table(name, grants, &missing);
        for right in &missing {
            let object = right.object.as_ref().map(|object| format!(" `{object}`")).unwrap_or_default();
            let (verb, file) = (right.capability.verb(), app.file.display());
            let message = format!("`{name}` asks to {verb}{object}, which {file} does not grant");
            let help = match grants {
                _ if !std::ptr::eq(right, first) => {
                    format!("the table in the help about {} has this right too", asked.line_of(&first.span))
                }
                Some(grants) => format!("replace the table at {} with:\n{table}", app.line_of(&grants.span)),
                None => format!("add to {file}:\n{table}"),
            };
            asked.report(Some(right.span.clone()), message, help);
        }
    }

    /// Returns true if a component without grants really has none: a misspelt table is reported as
    /// such.
    fn knows_grants(&self, name: &str) -> bool {
        let misspelt = |grants: &Grants| {
            let component = &grants.component.value;
            self.member(component).is_none() && is_similar(component, name)
        };
        self.app.has_all_grants && !self.app.grants.iter().any(misspelt)
    }

    fn missing_rights(&self, member: &Member<'_>, name: &str, grants: Option<&Grants>) -> Vec<Missing> {
        let asked = &member.read.asked;
        let lists = grants.map(|grants| &grants.lists);
        // A component may also ask for rights that it has without a grant.
        let own = name.parse::<NamePattern>().ok();
        let is_own = |pattern: &NamePattern| own.as_ref().is_some_and(|own| own.covers(pattern));
        let mut all = Vec::new();
        for (capability, list) in NAME_LISTS {
            let is_settled = |pattern: &NamePattern| {
                self.is_missing(pattern) || (capability == Capability::Send && is_own(pattern))
            };
            let wanted = list(&asked.lists).items.iter().filter(|pattern| !is_settled(&pattern.value));
            all.extend(missing(capability, wanted, lists.map(list)));
        }
        let publish = &asked.lists.publish.items;
        all.extend(missing(Capability::Publish, publish, lists.map(|lists| &lists.publish)));
        let subscribe = asked.subscribes.items.iter().chain(&asked.lists.subscribe.items);
        all.extend(missing(Capability::Subscribe, subscribe, lists.map(|lists| &lists.subscribe)));
        all.extend(missing(Capability::Use, &asked.lists.uses.items, lists.map(|lists| &lists.uses)));
        let outgoing = &asked.lists.http_outgoing.items;
        all.extend(missing(Capability::HttpOutgoing, outgoing, lists.map(|lists| &lists.http_outgoing)));
        let has_input = grants.is_some_and(|grants| !grants.input.is_absent());
        if let Some(input) = asked.input.written().filter(|input| input.value && !has_input) {
            all.push(Missing { capability: Capability::Input, object: None, span: input.span.clone() });
        }
        all
    }
}

/// A right that a component asks for and the app does not grant.
struct Missing {
    capability: Capability,
    /// The pattern, or `None` for an input.
    object: Option<String>,
    /// The place that asks for it.
    span: Range<usize>,
}

/// Returns each pattern that no granted pattern covers.
fn missing<'p, P: Pattern + Display + 'p>(
    capability: Capability,
    wanted: impl IntoIterator<Item = &'p Located<P>>,
    granted: Option<&List<P>>,
) -> Vec<Missing> {
    // A list with mistakes could grant anything.
    if granted.is_some_and(|granted| !granted.complete) {
        return Vec::new();
    }
    let covered = |pattern: &P| {
        granted.is_some_and(|granted| granted.items.iter().any(|item| item.value.covers(pattern)))
    };
    let refused = wanted.into_iter().filter(|pattern| !covered(&pattern.value));
    let right = |pattern: &Located<P>| Missing {
        capability,
        object: Some(pattern.value.to_string()),
        span: pattern.span.clone(),
    };
    refused.map(right).collect()
}

/// Returns the `[grants.…]` of a component with everything that is granted, and all that is missing.
fn merged_table(name: &str, grants: Option<&Grants>, missing: &[Missing]) -> String {
    let mut lines = vec![format!("[grants.{name}]")];
    for capability in Capability::LISTS {
        let mut patterns = grants.map(|grants| grants.lists.texts(capability)).unwrap_or_default();
        for right in missing.iter().filter(|right| right.capability == capability) {
            patterns.extend(right.object.clone().filter(|object| !patterns.contains(object)));
        }
        if !patterns.is_empty() {
            lines.push(grant_line(capability, &patterns));
        }
    }
    let granted = grants.and_then(|grants| grants.input.written()).map(|input| input.value.as_str());
    let is_missing = missing.iter().any(|right| right.capability == Capability::Input);
    if let Some(input) = granted.or(is_missing.then_some("-")) {
        lines.push(format!("input = {input:?}"));
    }
    if is_missing {
        lines.push("# \"-\" is the program's standard input; or write the path of a file".to_owned());
    }
    lines.join("\n")
}

/// Returns true if a text is the number of an instance: from 1 to `most`, without leading zeros.
fn is_number(text: &str, most: u64) -> bool {
    text.parse().is_ok_and(|number: u64| (1..=most).contains(&number) && number.to_string() == text)
}

/// Returns the help about an instance that does not exist, with the nearest one that does.
fn instances(found: &NamePattern, component: &str, member: &Member<'_>) -> String {
    match member.entry.instances.or(1) {
        Some(most) if most > 1 => {
            let number = found.segments().nth(1).and_then(|number| number.parse::<u64>().ok());
            let nearest = number.map(|number| format!("{component}/{}", number.clamp(1, most)));
            let nearest = nearest.unwrap_or_else(|| component.to_owned());
            format!("write `{nearest:?}`: the instances are /1 to /{most}")
        }
        _ => format!("write `{component:?}`: it has one instance, which has its name"),
    }
}
