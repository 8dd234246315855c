;; Grows its memory by amounts that add up to more than the address space.
;;
;; expect: handled
;; limits: memory = "1 MiB"
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (local $left i32)
    (local.set $left (i32.const 10000))
    (loop $on
      (drop (memory.grow (i32.sub (i32.const 65536) (i32.and (local.get $left) (i32.const 15)))))
      (drop (memory.grow (i32.const 0x7fff)))
      (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (if (i32.gt_u (memory.size) (i32.const 16)) (then (unreachable)))
    (i32.const 16)))
