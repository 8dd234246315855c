;; Fills its memory by one instruction, past the end.
;;
;; expect: letter failed: trapped: wasm trap: out of bounds memory access
(module
  (func (export "airssys:component/handler@0.2.0#handle-message") (param $id i64) (param $body i32) (param $length i32) (result i32)
    (memory.fill (i32.const 65535) (i32.const 1) (i32.const -1))
    (i32.const 16)))
