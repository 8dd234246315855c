;; A component written by hand that imports the interface `test:door/door`. Its answers are at address
;; 16, where there are zeros; the result of a call is at 128, and a reply at 200.
(module
  (import "test:door/door@0.1.0" "open" (func $open (param i32 i32 i32)))
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $here i32)
    (local.set $here (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $here) (local.get 3)))
    (local.get $here))
  (func (export "airssys:component/lifecycle@0.2.0#initialize") (param i32 i32) (result i32) (i32.const 16))
  (func (export "airssys:component/lifecycle@0.2.0#health") (result i32) (i32.const 16))
  (func (export "airssys:component/lifecycle@0.2.0#shutdown"))
  (func (export "airssys:component/handler@0.2.0#handle-callback") (param i64 i32 i32 i64 i64))
  ;; Opens the room that the body names, behind its codec prefix of one byte.
  (func (export "airssys:component/handler@0.2.0#handle-message") (param i64 i32 i32) (result i32)
    (call $open
      (i32.add (local.get 1) (i32.const 1)) (i32.sub (local.get 2) (i32.const 1)) (i32.const 128))
    (if (i32.load8_u (i32.const 128))
      (then ;; rejected, with the text
        (i32.store8 (i32.const 20) (i32.const 2))
        (i32.store (i32.const 24) (i32.load (i32.const 132)))
        (i32.store (i32.const 28) (i32.load (i32.const 136))))
      (else ;; a reply, with the number in CBOR
        (i32.store8 (i32.const 20) (i32.const 1))
        (i32.store8 (i32.const 200) (i32.const 0x51))
        (i32.store8 (i32.const 201) (i32.load8_u (i32.const 132)))
        (i32.store (i32.const 24) (i32.const 200))
        (i32.store (i32.const 28) (i32.const 2))))
    (i32.const 16)))
