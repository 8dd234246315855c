;; Calls itself without end.
;;
;; expect: letter failed: trapped: wasm trap: call stack exhausted
(module
  (func $deeper (param i32) (result i32) (i32.add (local.get 0) (call $deeper (local.get 0))))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (call $deeper (i32.const 1))))
