;; Replies with all its memory, which is larger than a message may be.
;;
;; expect: handled
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (drop (memory.grow (i32.const 120)))
    (i32.store8 (i32.const 20) (i32.const 1))
    (i32.store (i32.const 28) (i32.mul (memory.size) (i32.const 65536)))
    (i32.const 16)))
