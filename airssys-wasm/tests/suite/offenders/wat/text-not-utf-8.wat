;; Logs a text that is not UTF-8.
;;
;; expect: letter failed: trapped: 
(module
  (import "airssys:component/logging@0.2.0" "log" (func $log (param i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (i32.store (i32.const 40) (i32.const 0xc080))
    (call $log (i32.const 2) (i32.const 40) (i32.const 2))
    (i32.const 16)))
