# Palisade in Nomad, by its Docker driver: nomad job run packaging/nomad/palisade.nomad.hcl
# The client has a host volume `palisade` that belongs to user 1000, and in it a registration:
#   docker run ... palisade:0.1.0 register, as in packaging/container/README.md, which also says what is allowed here and why.
job "palisade" {
  type = "service"

  group "palisade" {
    count = 1

    volume "state" {
      type   = "host"
      source = "palisade"
    }

    task "palisade" {
      driver = "docker"
      user   = "1000:1000"
      # Longer than `shutdown-grace`: jobs end first. The client's `max_kill_timeout` has to be as long.
      kill_signal  = "SIGTERM"
      kill_timeout = "660s"

      config {
        image        = "palisade:0.1.0"
        args         = ["daemon", "--config", "/local/config.toml"]
        init         = true
        cap_drop     = ["all"]
        security_opt = ["seccomp=unconfined", "systempaths=unconfined", "apparmor=unconfined"]
      }

      template {
        destination   = "local/config.toml"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        data          = <<-EOF
          [daemon]
          capacity = 2
        EOF
      }

      volume_mount {
        volume      = "state"
        destination = "/var/lib/palisade"
      }

      resources {
        cpu        = 2000
        memory     = 2048
        memory_max = 8192
      }
    }
  }
}
