;; Traps when the host asks for room for a message.
;;
;; expect: letter failed: trapped: wasm trap: wasm `unreachable`
(module
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.ne (local.get 2) (i32.const 1)) (then (return (i32.const 32768)))) ;; not for a message
    (unreachable)))
