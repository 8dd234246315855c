;; Calls the host while the host asks for room.
;;
;; expect: letter failed: trapped: wasm trap: cannot leave component instance
(module
  (import "airssys:component/clock@0.2.0" "now-ms" (func $now (result i64)))
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.ne (local.get 2) (i32.const 1)) (then (return (i32.const 32768)))) ;; not for a message
    (drop (call $now))
    (i32.const 1024)))
