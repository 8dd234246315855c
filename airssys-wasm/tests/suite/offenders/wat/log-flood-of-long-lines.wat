;; Logs lines of a megabyte without end.
;;
;; expect: letter failed: ran longer than its limit of 100 ms (execution_time)
;; limits: log_bytes_per_second = "64 KiB"
(module
  (import "airssys:component/logging@0.2.0" "log" (func $log (param i32 i32 i32)))
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (drop (memory.grow (i32.const 32)))
    (loop $on (call $log (i32.const 4) (i32.const 65536) (i32.const 0x100000)) (br $on))
    (unreachable)))
