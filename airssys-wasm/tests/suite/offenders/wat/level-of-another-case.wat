;; Logs with a level that the contract does not have.
;;
;; expect: letter failed: trapped: 
(module
  (import "airssys:component/logging@0.2.0" "log" (func $log (param i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (call $log (i32.const 99) (i32.const 0) (i32.const 1))
    (i32.const 16)))
