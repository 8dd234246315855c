;; A component written by hand that exports `batch-handler`. Its answers are at address 16, where the
;; memory holds zeros, and at 32: the number of begun messages, with none deferred. The host reads its
;; progress at 64.
;; The test replaces INITIALIZE and BATCH by code.
(module
  (import "airssys:component/progress@0.2.0" "show" (func $show (param i32 i32)))
  (import "airssys:component/messaging@0.2.0" "complete"
    (func $complete (param i64 i32 i32 i32 i32)))
  (memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $here i32)
    (local.set $here (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
    (global.set $free (i32.add (local.get $here) (local.get 3)))
    (local.get $here))
  (func (export "airssys:component/lifecycle@0.2.0#initialize") (param i32 i32) (result i32)
    INITIALIZE
    (i32.const 16))
  (func (export "airssys:component/lifecycle@0.2.0#health") (result i32) (i32.const 16))
  (func (export "airssys:component/lifecycle@0.2.0#shutdown"))
  (func (export "airssys:component/handler@0.2.0#handle-callback") (param i64 i32 i32 i64 i64))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param i64 i32 i32) (result i32)
    (i32.const 16))
  (func (export "airssys:component/batch-handler@0.2.0#handle-batch")
    (param $first i64) (param $lengths i32) (param $count i32) (param $bodies i32) (param $bytes i32)
    (result i32)
    (local $id i64)
    (i32.store (i32.const 32) (local.get $count))
    BATCH
    (i32.const 32)))
