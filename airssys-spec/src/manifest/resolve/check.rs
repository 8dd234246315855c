//! Checks the settings of `app.toml` against its components.

use std::path::Path;

use airssys_core::RestartPolicy;
use airssys_message::Codec;

use super::{Member, Team};
use crate::manifest::load::{Files, join};
use crate::manifest::reader::{Located, nearest_or_all};

impl Team<'_> {
    pub(super) fn check(&self) {
        self.check_names();
        self.check_until();
        self.check_report();
        for member in &self.members {
            self.check_limits(member);
            self.check_input(member);
        }
    }

    /// Reports an input of several instances, because each would read the whole input.
    fn check_input(&self, member: &Member<'_>) {
        let reads = member.read.asked.input.as_ref().is_some_and(|input| input.value);
        let several = member.entry.instances.as_ref().filter(|instances| instances.value != 1);
        if let (true, Some(instances)) = (reads, several) {
            let name = member.name.as_ref().map_or("the component", |name| name.value.as_str());
            let message = format!("`{name}` reads an input, but has {} instances", instances.value);
            let help = "write instances = 1: each of several would read all of it".to_owned();
            self.app.document.report(Some(instances.span.clone()), message, help);
        }
    }

    fn check_names(&self) {
        for (index, member) in self.members.iter().enumerate() {
            let Some(name) = &member.name else { continue };
            let before = self.members[..index].iter().filter_map(|member| member.name.as_ref());
            if let Some(first) = before.into_iter().find(|first| first.value == name.value) {
                let document = &self.app.document;
                let message = format!(
                    "`{}` is the name of the component at {} too",
                    name.value,
                    document.line_of(&first.span)
                );
                let help = format!("give this one a name of its own: name = \"{}-2\"", name.value);
                document.report(Some(name.span.clone()), message, help);
            }
        }
    }

    /// Returns the component that a key of `[app]` names, and reports a name that no component has.
    fn named(&self, key: &str, name: Option<&Located<String>>) -> Option<&Member<'_>> {
        let name = name?;
        let found = self.member(&name.value);
        if found.is_none() && self.is_complete() {
            let message = format!("`{key}` names `{}`, which is not a component of the app", name.value);
            let help = nearest_or_all(&name.value, "component", &self.names());
            self.app.document.report(Some(name.span.clone()), message, help);
        }
        found
    }

    fn check_until(&self) {
        let until = self.app.until.as_ref();
        let (Some(name), Some(member)) = (until, self.named("until", until)) else { return };
        if let Some(instances) = member.entry.instances.as_ref().filter(|instances| instances.value != 1) {
            let message = format!("`{}` ends the run, but has {} instances", name.value, instances.value);
            let help = "write instances = 1, or name another component as `until`".to_owned();
            self.app.document.report(Some(instances.span.clone()), message, help);
        }
        if member.entry.restart == RestartPolicy::Permanent {
            let message = format!(
                "`{}` ends the run when it has stopped, but it is permanent: whenever it stops it is restarted",
                name.value
            );
            let help = "add to its [[component]]: restart = \"transient\"".to_owned();
            self.app.document.report(Some(name.span.clone()), message, help);
        }
    }

    fn check_report(&self) {
        let report = self.app.report.as_ref();
        let (Some(name), Some(member)) = (report, self.named("report", report)) else { return };
        if !member.read.asked.accepts(Codec::Cbor) {
            let message =
                format!("`{}` is asked for its report in cbor, which it does not accept", name.value);
            let help = format!("add \"cbor\" to `accepts` of {}", member.manifest_file.display());
            self.app.document.report(Some(name.span.clone()), message, help);
        }
    }

    /// Reports every limit above the app's bound, and too many static subscriptions.
    fn check_limits(&self, member: &Member<'_>) {
        let (asked, document) = (&member.read.asked, &member.read.document);
        let app = self.app.document.file.display();
        let name = member.name.as_ref().map_or("the component", |name| name.value.as_str());
        for ((row, amount), (_, most)) in asked.limits.iter().zip(self.app.limits.iter()) {
            let allowed = (row.get)(&self.limits);
            let Some(amount) = amount.filter(|amount| amount.value > allowed) else { continue };
            let (key, wanted, allowed) = (row.key, row.unit.show(amount.value), row.unit.show(allowed));
            let message = format!("`{name}` asks for {key} = {wanted}, and {app} allows {allowed}");
            let help = match most {
                Some(most) => format!(
                    "ask for less, or write {key} = {wanted} at {}",
                    self.app.document.line_of(&most.span)
                ),
                None => format!("ask for less, or add to [limits] of {app}: {key} = {wanted}"),
            };
            document.report(Some(amount.span.clone()), message, help);
        }
        let (subscribes, limit) = (asked.subscribes.items.len(), self.limits(member).subscriptions);
        if subscribes > limit {
            let message = format!(
                "`{name}` has {subscribes} entries in `subscribes`, and its limit is subscriptions = {limit}"
            );
            let help = format!("write fewer patterns, or write under [limits]: subscriptions = {subscribes}");
            document.report(asked.subscribes.span.clone(), message, help);
        }
    }

    /// Reports every per-target limit whose target does not exist.
    pub(super) fn check_per_target(&self, member: &Member<'_>) {
        let per_target = member.read.asked.limits.per_target.iter();
        for target_limit in per_target
            .filter(|target_limit| self.is_complete() && self.member(&target_limit.value.target).is_none())
        {
            let target = &target_limit.value.target;
            let message = format!(
                "[limits.to.{target}] limits messages to `{target}`, which is not a component of the app"
            );
            let help = nearest_or_all(target, "component", &self.names());
            member.read.document.report(Some(target_limit.span.clone()), message, help);
        }
    }

    /// Checks that the folder of the audit file exists.
    pub(super) fn check_audit(&self, files: &impl Files) {
        let Some(written) = &self.app.audit else { return };
        let path = join(&self.app.document.file, &written.file.value);
        let (what, help) = match path.parent() {
            _ if files.is_folder(&path) => {
                (format!("`{}` is a folder", path.display()), "write the name of a file in it")
            }
            Some(folder) if folder != Path::new("") && !files.is_folder(folder) => (
                format!("the folder `{}` of the audit file does not exist", folder.display()),
                "make it, or write a file in another folder, relative to this file",
            ),
            _ => return,
        };
        self.app.document.report(Some(written.file.span.clone()), what, help.to_owned());
    }
}
