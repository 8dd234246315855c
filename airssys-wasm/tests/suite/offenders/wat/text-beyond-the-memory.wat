;; Logs a text beyond its memory.
;;
;; expect: letter failed: trapped: 
(module
  (import "airssys:component/logging@0.2.0" "log" (func $log (param i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (call $log (i32.const 2) (i32.const -8) (i32.const 64))
    (i32.const 16)))
