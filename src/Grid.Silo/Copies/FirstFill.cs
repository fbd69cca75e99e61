using Grid.Replication.Copies;
using Grid.Replication.Replica;

namespace Grid.Silo.Copies;

/// <summary>
/// Whether the copies that a silo is given when it joins serve: until then whoever restarts silos one by one must wait before the next. Once that has been so
/// it stays so: a later full sync of one copy says nothing about the silo.
/// </summary>
/// <remarks>Thread-safe. Looked at every second (<see cref="Services.SiloPulse"/>), and whenever somebody asks.</remarks>
internal sealed class FirstFill(CopyHost host, TimeProvider time)
{
    /// <summary>How long all copies must have served: primaries give a new silo its copies within less.</summary>
    private static readonly TimeSpan CalmTime = TimeSpan.FromSeconds(1);

    /// <summary>How long a silo that was given no copy waits for one.</summary>
    private static readonly TimeSpan EmptyTime = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private long _calmSince;
    private bool _done;

    /// <summary>Looks whether the copies serve, while nobody asks: who asks late need not wait until that has been so from then on.</summary>
    public void Look() => _ = Obstacle();

    /// <summary>What is missing, in words, as it is now; null when nothing is. Asking is a look too.</summary>
    public string? Obstacle()
    {
        lock (_gate)
        {
            if (_done)
                return null;
            int all = 0;
            int serving = 0;
            foreach (HostedCopy hosted in host.All)
            {
                all++;
                if (hosted.Copy.State == CopyState.Complete && (hosted.Primary is { IsDown: false } || hosted.Replica is { Phase: ReplicaPhase.Following }))
                    serving++;
            }

            if (serving < all)
            {
                _calmSince = 0;
                return $"{all - serving} of the silo's {all} copies do not serve yet";
            }

            long now = time.GetTimestamp();
            if (_calmSince == 0)
                _calmSince = now;
            _done = time.GetElapsedTime(_calmSince, now) >= (all == 0 ? EmptyTime : CalmTime);
            return _done ? null : "the silo waits for the copies that it is given";
        }
    }
}
