;; Asks for more memory at its start than its limit allows.
;;
;; expect: start memory
;; limits: memory = "1 MiB"
(module (memory (export "memory") 1024))
