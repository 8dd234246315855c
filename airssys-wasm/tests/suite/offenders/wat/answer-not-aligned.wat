;; Answers at an address that is not aligned.
;;
;; expect: letter failed: trapped: 
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (i32.const 17)))
