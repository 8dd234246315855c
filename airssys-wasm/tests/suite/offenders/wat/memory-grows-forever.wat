;; Grows its memory until the host refuses, then gives up.
;;
;; expect: letter failed: failed after it was refused memory beyond its limit of 1048576 bytes (memory)
;; limits: memory = "1 MiB"
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (loop $on (br_if $on (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))
    (unreachable)))
