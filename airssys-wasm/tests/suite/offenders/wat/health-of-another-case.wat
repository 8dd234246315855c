;; Has a health that the contract does not have.
;;
;; expect: start trapped: unexpected discriminant
(module
  (func (export "airssys:component/lifecycle@0.2.0#health") (result i32)
    (i32.store8 (i32.const 16) (i32.const 7))
    (i32.const 16)))
