;; Defers its message, and waits for nothing.
;;
;; expect: letter abandoned: the handler deferred the message and waits for nothing
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.const 16)))
