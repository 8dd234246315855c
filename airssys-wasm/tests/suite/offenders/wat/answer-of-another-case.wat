;; Answers with a case that the contract does not have.
;;
;; expect: letter failed: trapped: 
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 255))
    (i32.const 16)))
