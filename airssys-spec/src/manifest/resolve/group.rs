//! The groups of an app against each other and against its components.

use std::collections::{BTreeMap, BTreeSet};

use super::Team;
use crate::manifest::group::{Group, GroupMember, WrittenGroup};
use crate::manifest::reader::Located;
use crate::manifest::suggest::nearest_or_all;

/// The most groups from the root down to a component. Snapshots of the tree, which are nested too,
/// stay readable for every JSON parser.
const MAX_DEPTH: usize = 16;

/// The group that has a member, and the place that says so.
#[derive(Clone, Copy)]
struct Claim<'a> {
    group: &'a str,
    member: &'a Located<String>,
}

/// Each member with the first group that lists it.
type Claims<'a> = BTreeMap<&'a str, Claim<'a>>;

impl<'a> Team<'a> {
    pub(super) fn check_groups(&self) {
        for (index, group) in self.app.groups.iter().enumerate() {
            self.check_group_name(index, group);
        }
        self.check_members();
        let claims = self.claims();
        self.check_cycles(&claims);
        self.check_depth(&claims);
    }

    fn check_group_name(&self, index: usize, group: &WrittenGroup) {
        let Some(name) = group.name.written() else { return };
        let component = self.member(&name.value).and_then(|member| member.name.as_ref());
        let before = self.app.groups[..index].iter().filter_map(|group| group.name.written());
        let earlier = before.into_iter().find(|earlier| earlier.value == name.value);
        let taken = component.map(|first| ("component", first)).or(earlier.map(|first| ("group", first)));
        if let Some((kind, first)) = taken {
            let place = self.app.document.line_of(&first.span);
            let message = format!("`{}` is the name of the {kind} at {place} too", name.value);
            let help = format!("give the group a name of its own: write `name = \"{}-group\"`", name.value);
            self.app.document.report(Some(name.span.clone()), message, help);
        }
    }

    /// Reports members that do not exist, that are in two groups, and groups that list themselves.
    fn check_members(&self) {
        let mut seen = Claims::new();
        for group in &self.app.groups {
            let own = group.name.written().map_or("", |name| name.value.as_str());
            for member in &group.members.items {
                let name = member.value.as_str();
                let (message, help) = if name == own {
                    let message = format!("the group `{own}` lists itself as a member");
                    (message, format!("remove `\"{own}\"` from its members"))
                } else if !self.is_member(name) {
                    if !self.knows_all_members() {
                        continue;
                    }
                    let known = self.member_names(own);
                    let message = format!(
                        "`members` names `{name}`, which is neither a component nor a group of the app"
                    );
                    (message, nearest_or_all(name, "possible member", &known))
                } else if let Some(first) = seen.get(name) {
                    let place = self.app.document.line_of(&first.member.span);
                    let message = format!("`{name}` is a member of `{}` at {place} too", first.group);
                    (message, "remove it from one of the two groups".to_owned())
                } else {
                    seen.insert(name, Claim { group: own, member });
                    continue;
                };
                self.app.document.report(Some(member.span.clone()), message, help);
            }
        }
    }

    /// Reports each cycle once, at the member that names its first group.
    fn check_cycles(&self, claims: &Claims<'_>) {
        let mut reported = BTreeSet::new();
        for first in self.group_names() {
            let mut path = vec![first];
            let mut current = first;
            while let Some(claim) = claims.get(current) {
                if claim.group == first {
                    break;
                }
                // A cycle further up is reported for the groups in it.
                if path.contains(&claim.group) {
                    path.clear();
                    break;
                }
                path.push(claim.group);
                current = claim.group;
            }
            let closes = claims.get(current).is_some_and(|claim| claim.group == first);
            if path.is_empty() || !closes || !reported.insert(first) {
                continue;
            }
            reported.extend(path.iter().copied());
            self.report_cycle(first, &path, claims);
        }
    }

    /// `path` leads from the first group up to the one that has it as a member, by way of parents.
    fn report_cycle(&self, first: &str, path: &[&str], claims: &Claims<'_>) {
        let Some(claim) = claims.get(first) else { return };
        let steps: Vec<_> = path.iter().rev().map(|name| format!("contains `{name}`")).collect();
        let message = format!("groups contain each other: `{first}` {}", steps.join(", which "));
        let help = format!("remove `\"{first}\"` from the members of the group {}", claim.group);
        self.app.document.report(Some(claim.member.span.clone()), message, help);
    }

    fn check_depth(&self, claims: &Claims<'_>) {
        for name in self.app.groups.iter().filter_map(|group| group.name.written()) {
            let above =
                std::iter::successors(claims.get(name.value.as_str()), |claim| claims.get(claim.group));
            // One more step than allowed is enough, and a cycle has no end.
            if above.take(MAX_DEPTH + 1).count() == MAX_DEPTH {
                let message =
                    format!("`{}` is below {MAX_DEPTH} groups: {} are allowed", name.value, MAX_DEPTH - 1);
                let help = "put its members into a group further up".to_owned();
                self.app.document.report(Some(name.span.clone()), message, help);
            }
        }
    }

    /// The members of the root: components and groups in no group, in the order of the file.
    pub(super) fn root_members(&self) -> Vec<GroupMember> {
        let claims = self.claims();
        let components = self.members.iter().filter_map(|member| {
            let name = &member.name.as_ref()?.value;
            Some((member.entry.span.start, GroupMember::Component(name.clone())))
        });
        let groups = self.app.groups.iter().filter_map(|group| {
            let name = &group.name.written()?.value;
            Some((group.span.start, GroupMember::Group(name.clone())))
        });
        let all = components.chain(groups);
        let mut members: Vec<_> = all.filter(|(_, member)| !claims.contains_key(member.name())).collect();
        members.sort_by_key(|(start, _)| *start);
        members.into_iter().map(|(_, member)| member).collect()
    }

    /// The groups of the app, each before those in it. The result is only right if
    /// there are no mistakes.
    pub(super) fn groups(&self, root: &[GroupMember]) -> Vec<Group> {
        let mut groups = Vec::new();
        let mut next: Vec<GroupMember> = root.iter().rev().cloned().collect();
        while let Some(member) = next.pop() {
            let GroupMember::Group(name) = member else { continue };
            let Some(written) = self.group(&name) else { continue };
            let members: Vec<_> = written.members.values().into_iter().map(|name| self.kind(name)).collect();
            next.extend(members.iter().rev().cloned());
            let WrittenGroup { supervisor, on_give_up, .. } = *written;
            groups.push(Group { name, members, supervisor, on_give_up });
        }
        groups
    }

    fn kind(&self, name: String) -> GroupMember {
        match self.group(&name) {
            Some(_) => GroupMember::Group(name),
            None => GroupMember::Component(name),
        }
    }

    fn group(&self, name: &str) -> Option<&'a WrittenGroup> {
        let has_name = |group: &&WrittenGroup| group.name.written().is_some_and(|own| own.value == name);
        self.app.groups.iter().find(has_name)
    }

    pub(super) fn group_names(&self) -> impl Iterator<Item = &'a str> {
        self.app.groups.iter().filter_map(|group| group.name.written()).map(|name| name.value.as_str())
    }

    fn is_member(&self, name: &str) -> bool {
        self.member(name).is_some() || self.group(name).is_some()
    }

    /// Returns true if every component and group has a name, so that no other names can be right.
    fn knows_all_members(&self) -> bool {
        self.is_complete() && self.group_names().count() == self.app.groups.len()
    }

    /// The names that the group `own` could list.
    fn member_names(&self, own: &str) -> Vec<&str> {
        let groups = self.group_names().filter(|name| *name != own);
        self.names().into_iter().chain(groups).collect()
    }

    /// The first group that lists each member. Groups without a name, and groups that list
    /// themselves, are left out.
    fn claims(&self) -> Claims<'a> {
        let mut claims = Claims::new();
        for group in &self.app.groups {
            let Some(own) = group.name.written() else { continue };
            for member in group.members.items.iter().filter(|member| member.value != own.value) {
                claims.entry(&member.value).or_insert(Claim { group: &own.value, member });
            }
        }
        claims
    }
}
