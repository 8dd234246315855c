;; Fails to start for a reason that is not UTF-8.
;;
;; expect: start invalid utf-8
(module
  (func (export "airssys:component/lifecycle@0.2.0#initialize") (param i32 i32) (result i32)
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store (i32.const 20) (i32.const 40))
    (i32.store (i32.const 24) (i32.const 4))
    (i32.store (i32.const 40) (i32.const -1))
    (i32.const 16)))
