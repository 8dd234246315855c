use super::*;

fn survey(text: &str) -> Result<(), BoundExceeded> {
    check(&wat::parse_str(text).unwrap())
}

#[track_caller]
fn exceeded(text: &str, bound: Bound) {
    let found = survey(text).unwrap_err();
    assert_eq!(found.bound, bound, "{found}");
    assert!(found.found > bound.most());
}

/// A component with `levels` definitions within each other; each instantiates the next one twice.
fn doubling(levels: usize) -> String {
    let inner = "(core module $m) (core instance (instantiate $m))".to_owned();
    (0..levels).fold(inner, |inner, _| {
        format!("(component $c {inner}) (instance (instantiate $c)) (instance (instantiate $c))")
    })
}

#[test]
fn instances_are_counted_as_often_as_they_are_laid_out() {
    assert_eq!(survey(&format!("(component {})", doubling(13))), Ok(()));
    let bomb = wat::parse_str(format!("(component {})", doubling(30))).unwrap();
    assert!(bomb.len() < 2_100, "{} bytes", bomb.len());
    let found = check(&bomb).unwrap_err();
    assert_eq!(found.bound, Bound::CoreInstances);
    assert_eq!(found.found, Bound::CoreInstances.most() + 1);
}

#[test]
fn doubling_without_core_instances_is_counted_in_items() {
    let inner = "(component $c)".to_owned();
    let text = (0..25).fold(inner, |inner, _| {
        format!("(component $c {inner} (instance (instantiate $c)) (instance (instantiate $c)))")
    });
    exceeded(&format!("(component {text} (instance (instantiate $c)))"), Bound::LaidOutItems);
}

/// Components beside each other, each of which instantiates the one before twice: by a name of the outer
/// component, or as an argument.
#[test]
fn doubling_by_outer_names_arguments_and_exports_is_counted() {
    let mut outer = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=30 {
        let before = level - 1;
        outer += &format!(
            "(component $c{level} (instance (instantiate $c{before})) (instance (instantiate $c{before})))"
        );
    }
    exceeded(&format!("(component {outer} (instance (instantiate $c30)))"), Bound::CoreInstances);

    let mut args = "(component $c0 (core module $m) (core instance (instantiate $m)))\n".to_owned();
    args += "(component $twice (import \"x\" (component $x)) \
             (instance (instantiate $x)) (instance (instantiate $x)))";
    for level in 1..=30 {
        let before = level - 1;
        args += &format!(
            "(component $c{level} (alias outer 1 $twice (component $t)) (alias outer 1 $c{before} (component $b)) \
             (instance (instantiate $t (with \"x\" (component $b)))))"
        );
    }
    exceeded(&format!("(component {args} (instance (instantiate $c30)))"), Bound::CoreInstances);

    let mut exports = "(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned();
    for level in 1..=30 {
        let before = level - 1;
        exports += &format!(
            "(instance $i{level} (export \"c\" (component $c{before})))
             (alias export $i{level} \"c\" (component $a{level}))
             (component $c{level} (instance (instantiate $a{level})) (instance (instantiate $a{level})))"
        );
    }
    exceeded(&format!("(component {exports} (instance (instantiate $c30)))"), Bound::CoreInstances);
}

#[test]
fn nesting_modules_functions_and_locals_are_bounded() {
    let nested = |depth: usize| format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
    assert_eq!(survey(&nested(32)), Ok(()));
    exceeded(&nested(33), Bound::Nesting);
    let modules = |count: usize| format!("(component {})", "(core module)".repeat(count));
    assert_eq!(survey(&modules(1_000)), Ok(()));
    exceeded(&modules(1_001), Bound::Modules);
    let functions = |count: usize| format!("(component (core module {}))", "(func)".repeat(count));
    assert_eq!(survey(&functions(250_000)), Ok(()));
    exceeded(&functions(250_001), Bound::Functions);
    let locals = format!("(func (local {}))", "i32 ".repeat(50_000)).repeat(201);
    exceeded(&format!("(component (core module {locals}))"), Bound::Locals);
}

#[test]
fn function_with_many_locals_and_blocks_is_refused() {
    let function = |locals: usize, blocks: usize| {
        let (locals, blocks) = ("i64 ".repeat(locals), "(block)".repeat(blocks));
        format!("(component (core module (func (local {locals}) {blocks})))")
    };
    assert_eq!(survey(&function(1_000, 4_000)), Ok(()));
    exceeded(&function(2_000, 4_000), Bound::BlockValues);
    let values = "i64 ".repeat(1_000);
    let block = "(block (type 0) unreachable) unreachable".repeat(5_001);
    exceeded(
        &format!("(component (core module (type (func (result {values}))) (func {block})))"),
        Bound::BlockValues,
    );
    let body = "(i32.add (i32.const 1)".repeat(5) + "(i32.const 1)" + &")".repeat(5) + "drop ";
    exceeded(&format!("(component (core module (func {})))", body.repeat(140_000)), Bound::BodyBytes);
}

#[test]
fn blocks_of_a_function_are_bounded_in_number_and_depth() {
    // Written as bytes, because the reader of text has a bound of its own: a block, and its end.
    let nested = |depth: usize| {
        let leb = |number: usize| {
            [number as u8 & 0x7f | 0x80, (number >> 7) as u8 & 0x7f | 0x80, (number >> 14) as u8]
        };
        let body = [&[0][..], &[0x02, 0x40].repeat(depth), &vec![0x0b; depth + 1]].concat();
        let code = [&[1][..], &leb(body.len()), &body].concat();
        let module =
            [&b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a"[..], &leb(code.len())[..], &code]
                .concat();
        let component = [&b"\0asm\x0d\0\x01\0\x01"[..], &leb(module.len())[..], &module].concat();
        check(&component).map_err(|exceeded| exceeded.bound)
    };
    assert_eq!(nested(20_000), Ok(()));
    assert_eq!(nested(20_001), Err(Bound::BlockDepth));
    let one_by_one = |count: usize| {
        format!("(component (core module (func {})))", "(br_if 0 (i32.const 0))".repeat(count))
    };
    assert_eq!(survey(&one_by_one(100_000)), Ok(()));
    exceeded(&one_by_one(100_001), Bound::Blocks);
}

#[test]
fn images_of_tables_and_memories_are_counted() {
    let table = "(core module (table 1000000 funcref) (func $f) (elem (i32.const 999999) func $f))";
    assert_eq!(survey(&format!("(component {})", table.repeat(4))), Ok(()));
    exceeded(&format!("(component {})", table.repeat(5)), Bound::TableElements);
    let memory = "(core module (memory 257) (data (i32.const 0) \"a\") (data (i32.const 0x1000000) \"a\"))";
    assert_eq!(survey(&format!("(component {})", memory.repeat(32))), Ok(()));
    exceeded(&format!("(component {})", memory.repeat(33)), Bound::DataBytes);
    let memories = |count: usize| {
        let each = |number: usize| {
            format!(
                "(memory $m{number} 257) (data (memory $m{number}) (i32.const 0) \"a\") \
                 (data (memory $m{number}) (i32.const 0x1000000) \"a\")"
            )
        };
        format!("(component (core module {}))", (0..count).map(each).collect::<String>())
    };
    assert_eq!(survey(&memories(32)), Ok(()));
    exceeded(&memories(33), Bound::DataBytes);
}

/// Written as bytes, because the text would be very long.
#[test]
fn items_within_an_entry_of_a_section_are_counted() {
    let leb = |number: usize| {
        [0, 7, 14, 21].map(|shift| (number >> shift) as u8 & 0x7f | if shift < 21 { 0x80 } else { 0 })
    };
    // A section with this many entries; each begins so, and has a list of equal items.
    let section = |id: u8, entries: usize, begin: &[u8], count: usize, item: &[u8]| {
        let entry = [begin, &leb(count), &item.repeat(count)].concat();
        let body = [&leb(entries)[..], &entry.repeat(entries)].concat();
        [&[id][..], &leb(body.len()), &body].concat()
    };
    let component = |section: &[u8]| [&b"\0asm\x0d\0\x01\0"[..], section].concat();
    let module = |section: &[u8]| {
        let module = [&b"\0asm\x01\0\0\0"[..], section].concat();
        component(&[&[1][..], &leb(module.len()), &module].concat())
    };
    let bound = |wasm: &[u8]| check(wasm).map_err(|exceeded| exceeded.bound);
    for (kind, id, begin, item) in [
        ("arguments of core instances", 2, &[0, 0][..], &[0, 0x12, 0][..]),
        ("exports of core instances", 2, &[1], &[0, 0, 0]),
        ("arguments of instances", 5, &[0, 0], &[0, 1, 0]),
        ("exports of instances", 5, &[1], &[0, 0, 1, 0]),
    ] {
        let with = |entries| bound(&component(&section(id, entries, begin, 100_000, item)));
        assert_ne!(with(19), Err(Bound::Items), "{kind}");
        assert_eq!(with(20), Err(Bound::Items), "{kind}");
    }
    let types = |groups, count| bound(&module(&section(1, groups, &[0x4e], count, &[0x60, 0, 0])));
    assert_eq!(types(2, 1_000_000 - 1), Ok(()));
    assert_eq!(types(3, 700_000), Err(Bound::Items));
}

#[test]
fn message_has_the_number_the_bound_and_the_remedy() {
    let exceeded = BoundExceeded { bound: Bound::Modules, found: 1_001 };
    assert_eq!(
        exceeded.to_string(),
        "has 1001 core modules, and this host compiles at most 1000; divide the component into several"
    );
}

#[test]
fn damaged_files_are_left_to_the_compiler() {
    assert_eq!(check(b""), Ok(()));
    let whole = wat::parse_str(format!("(component {})", doubling(5))).unwrap();
    for end in 0..whole.len() {
        let _ = check(&whole[..end]);
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x41;
        let _ = check(&damaged);
    }
}

/// Types of instances, each of which has two instances of the type before it.
fn doubling_types(levels: usize, first: &str) -> String {
    let begin = format!("(type $t0 (instance {first}))");
    (1..=levels).fold(begin, |types, level| {
        let before = level - 1;
        format!(
            "{types} (type $t{level} (instance (alias outer 1 $t{before} (type $t)) \
             (export \"a\" (instance (type $t))) (export \"b\" (instance (type $t)))))"
        )
    })
}

const RESOURCE: &str = "(export \"r\" (type (sub resource)))";

#[test]
fn types_that_double_are_counted_at_each_use() {
    let imported = |levels| {
        let types = doubling_types(levels, RESOURCE);
        format!("(component {types} (import \"i\" (instance (type $t{levels}))))")
    };
    assert_eq!(survey(&imported(12)), Ok(()));
    exceeded(&imported(16), Bound::TypeParts);
    assert!(wat::parse_str(imported(16)).unwrap().len() < 500);
    // As exports of the component, of the type of a component, and of an instance.
    let types = doubling_types(10, RESOURCE);
    let many = |each: &str, count: usize| {
        let all: String = (0..count).map(|number| each.replace('#', &number.to_string())).collect();
        format!("(component {types} (import \"i\" (instance $i (type $t10))) {all})")
    };
    for each in [
        "(import \"i#\" (instance (type $t10)))",
        "(export \"e#\" (instance $i))",
        "(type (component (alias outer 1 $t10 (type $t)) (import \"i\" (instance (type $t)))))",
        "(type (component (alias outer 1 $t10 (type $t)) (export \"i\" (instance (type $t)))))",
        "(instance (export \"e\" (instance $i)))",
        "(alias export $i \"a\" (instance $a#)) (import \"j#\" (instance $b# (type $t10))) \
         (instance (export \"e\" (instance $b#)))",
        "(component (alias outer 1 $t10 (type $t)) (import \"i\" (instance (type $t))))",
    ] {
        assert_eq!(survey(&many(each, 1)), Ok(()), "{each}");
        exceeded(&many(each, 200), Bound::TypeParts);
    }
    let instantiated = |count: usize| {
        let once = "(instance (instantiate $c (with \"i\" (instance $i))))".repeat(count);
        let component = "(component $c (alias outer 1 $t10 (type $t)) (import \"i\" (instance $j (type $t))) \
                         (export \"o\" (instance $j)))";
        format!("(component {types} (import \"i\" (instance $i (type $t10))) {component} {once})")
    };
    assert_eq!(survey(&instantiated(1)), Ok(()));
    exceeded(&instantiated(100), Bound::TypeParts);
    // A type that comes as the export of an instance.
    let exported = format!(
        "(component {types} \
         (type $n (instance (alias outer 1 $t10 (type $t)) (export \"n\" (instance (type $t))))) \
         (import \"i\" (instance $i (type $n))) (alias export $i \"n\" (instance $n)) {})",
        "(instance (export \"e\" (instance $n)))".repeat(200)
    );
    exceeded(&exported, Bound::TypeParts);
}

#[test]
fn types_of_values_are_counted_once_because_the_compiler_has_them_once() {
    let types = (1..20).fold("(type $t0 (tuple u8))".to_owned(), |types, level| {
        let before = level - 1;
        format!("{types} (type $t{level} (tuple $t{before} $t{before}))")
    });
    assert_eq!(survey(&format!("(component {types} (import \"f\" (func (param \"a\" $t19))))")), Ok(()));
    let fields = |count: usize| {
        let record: String = (0..500).map(|number| format!("(field \"f{number}\" u8)")).collect();
        format!("(component {})", format!("(type (record {record}))").repeat(count))
    };
    assert_eq!(survey(&fields(499)), Ok(()));
    exceeded(&fields(500), Bound::TypeParts);
    let core = |count: usize| {
        let exports: String = (0..500).map(|number| format!("(export \"e{number}\" (func))")).collect();
        format!("(component {})", format!("(core type (module {exports}))").repeat(count))
    };
    assert_eq!(survey(&core(200)), Ok(()));
    exceeded(&core(500), Bound::TypeParts);
}

/// Written as bytes, because the reader of text has a bound of its own. The compiler's reader has none.
#[test]
fn types_within_types_are_bounded_in_depth() {
    let nested = |depth: usize| {
        // The type of an instance with one declaration, a type.
        let ty = [&[0x42, 1, 1].repeat(depth)[..], &[0x7f]].concat();
        let size = [0, 7, 14, 21]
            .map(|shift| ((ty.len() + 1) >> shift) as u8 & 0x7f | if shift < 21 { 0x80 } else { 0 });
        let component = [&b"\0asm\x0d\0\x01\0\x07"[..], &size[..], &[1], &ty[..]].concat();
        check(&component).map_err(|exceeded| exceeded.bound)
    };
    assert_eq!(nested(99), Ok(()));
    assert_eq!(nested(100), Err(Bound::TypeDepth));
    assert_eq!(nested(1_000_000), Err(Bound::TypeDepth));
}

#[test]
fn values_that_branches_and_calls_pass_are_counted() {
    let values = "i64 ".repeat(1_000);
    let function = |body: &str, count: usize| {
        format!(
            "(component (core module (type (func (result {values}))) (type (func (param {values}))) \
             (import \"\" \"s\" (func $s (type 0))) (import \"\" \"t\" (func $t (type 1))) \
             (table 1 funcref) (func (type 0) (block (type 0) (call $s) {} unreachable))))",
            body.repeat(count)
        )
    };
    for (body, values) in [
        ("(br_if 0 (i32.const 0))", 1_000),
        ("(br_if 1 (i32.const 0))", 1_000),
        ("(br_table 0 1 0 0 (i32.const 0))", 4_000),
        ("(br 0)", 1_000),
        ("(return)", 1_000),
        ("(call $s)", 1_000),
        ("(call $t)", 1_000),
        ("(return_call $s)", 1_000),
        ("(call_indirect (type 0) (i32.const 0))", 1_000),
        ("(if (type 0) (i32.const 0) (then unreachable) (else unreachable))", 2_000),
        ("(loop (type 1) (br 0))", 2_000),
    ] {
        let most = 5_000_000 / values - 3;
        assert_eq!(survey(&function(body, most)), Ok(()), "{body}");
        exceeded(&function(body, most + 3), Bound::BlockValues);
    }
}
