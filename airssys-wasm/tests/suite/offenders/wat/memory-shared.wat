;; Shares its memory with threads, which could change it while the host reads.
;;
;; expect: load threads
(module (memory (export "memory") 1) (memory $shared 1 65536 shared))
