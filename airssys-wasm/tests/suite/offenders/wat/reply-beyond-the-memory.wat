;; Replies with more bytes than its memory has.
;;
;; expect: letter failed: trapped: 
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 20) (i32.const 1))
    (i32.store (i32.const 24) (i32.const 1))
    (i32.store (i32.const 28) (i32.const -1))
    (i32.const 16)))
