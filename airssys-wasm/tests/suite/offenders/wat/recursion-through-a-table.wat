;; Calls itself without end through a table.
;;
;; expect: letter failed: trapped: wasm trap: call stack exhausted
(module
  (type $deep (func (param i32) (result i32)))
  (table 1 funcref)
  (func $deeper (type $deep)
    (i32.add (i32.const 1) (call_indirect (type $deep) (local.get 0) (i32.const 0))))
  (elem (i32.const 0) func $deeper)
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (call $deeper (i32.const 1))))
