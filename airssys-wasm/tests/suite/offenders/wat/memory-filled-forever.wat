;; Fills all its memory without end. No instruction inside is a loop.
;;
;; expect: letter failed: ran longer than its limit of 100 ms (execution_time)
;; limits: memory = "64 MiB"
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (drop (memory.grow (i32.const 900)))
    (loop $on
      (memory.fill (i32.const 0) (i32.const 1) (i32.mul (memory.size) (i32.const 65536)))
      (br $on))
    (unreachable)))
