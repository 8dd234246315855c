;; Calls a function by a type that is not its own.
;;
;; expect: letter failed: trapped: wasm trap: indirect call type mismatch
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (call_indirect $table (param i64 i64) (result i32) (i64.const 1) (i64.const 2) (i32.const 0)))
  (table $table 1 funcref)
  (func $plain)
  (elem (i32.const 0) func $plain))
