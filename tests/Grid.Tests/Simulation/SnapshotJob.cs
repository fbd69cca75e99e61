using Grid.Formats.Buffers;
using Grid.Replication.Primary;
using Grid.Tests.Replication.Rigs;

namespace Grid.Tests.Simulation;

/// <summary>
/// Takes a snapshot as the runtime does: slices of the scan on the primary's turns, encoded once. A diskless one goes to the
/// streams of its cohort piece by piece, one for the disk into a file.
/// </summary>
/// <remarks>
/// What is told of it is what the runtime tells: that it was sent, member by member, only once all who are left have taken its end; of one that is cancelled or fails
/// nothing but that it has ended, and what its members were sent goes on to them.
/// </remarks>
internal sealed class SnapshotJob : IDisposable
{
    private const int UntilFailureUsMax = 30_000;

    private readonly World _world;
    private readonly SimPrimary _primary;
    private readonly SnapshotPayload _payload;
    private readonly Dictionary<string, PieceStream> _streams = [];
    private readonly MemoryStream _file = new();
    private readonly List<SnapshotMember> _served = [];
    private readonly bool _fails;
    private bool _over;

    public SnapshotJob(World world, SimPrimary primary, SnapshotPlan plan)
    {
        _world = world;
        _primary = primary;
        Plan = plan;
        _fails = world.Chaos && world.Random.Chance(plan.Transport == SyncTransport.Disk ? world.Plan.DiskFails : world.Plan.SendingFails);
        _payload = new SnapshotPayload(plan, primary.Copy.Shard);
        int pieceBytes = world.Random.Between(64, 4096);
        if (plan.Transport == SyncTransport.Disk)
            return;
        foreach (SnapshotMember member in plan.Members)
            _streams.Add(member.Silo, new PieceStream(world, primary, plan.Announcement, member, plan.Checksums, pieceBytes, isFile: false));
    }

    public SnapshotPlan Plan { get; }

    /// <summary>True when the file that was written is another one than was to be.</summary>
    public bool FileIsDamaged { get; private set; }

    public void Begin()
    {
        foreach (PieceStream stream in _streams.Values)
            stream.Begin();
        if (_fails)
            _world.After(_world.Random.Between(100, UntilFailureUsMax), _primary.Silo, Fail);
        Next();
    }

    /// <summary>A member is out. Was it the last that had not taken the end, the others have got all of it.</summary>
    public void Forget(string silo)
    {
        if (_streams.Remove(silo) && _streams.Count == 0 && !_over)
            _world.After(10, _primary.Silo, EndWithoutMembers);
    }

    public void Cancel()
    {
        if (_over)
            return;
        foreach (PieceStream stream in _streams.Values)
            stream.Abandon();
        End(failed: true);
    }

    /// <summary>The silo died.</summary>
    public void Dispose()
    {
        if (_over)
            return;
        _over = true;
        _payload.Dispose();
    }

    private void Next() => _world.After(_world.Random.Between(100, 1000 * _world.Plan.SliceMsMax), _primary.Silo, Slice);

    private void Slice()
    {
        if (_over)
            return;
        _world.Touch(_primary.Copy.Shard);
        bool more = _payload.Scan(entriesMax: 4, bytesMax: 2048);
        while (_payload.TryTakeChunk(out PooledBuffer? chunk))
        {
            _file.Write(chunk.Span);
            foreach (PieceStream stream in _streams.Values)
                stream.Send(chunk.Span);
            chunk.Release();
        }

        foreach (PieceStream stream in _streams.Values)
            stream.StillThere();
        if (more)
            Next();
        else if (Plan.Transport == SyncTransport.Disk)
            Save();
        else
            SendEnd();
    }

    private void Save()
    {
        if (_fails)
        {
            Fail();
            return;
        }

        _over = true;
        _payload.Dispose();
        byte[] file = _file.ToArray();
        if (Plan.Checksums && _world.Chaos && _world.Random.Chance(_world.Plan.PayloadDamaged / 4))
        {
            file[_world.Random.Below(file.Length)] ^= 0x10;
            FileIsDamaged = true;
        }

        _primary.SnapshotSaved(this, file, _payload.Entries);
    }

    private void SendEnd()
    {
        foreach ((string silo, PieceStream stream) in _streams.ToArray())
        {
            stream.End(_payload.Entries, () =>
            {
                if (_over || !_streams.Remove(silo))
                    return;
                _served.Add(stream.Member);
                if (_streams.Count == 0)
                    End(failed: false);
            });
        }
    }

    private void Fail()
    {
        if (_over)
            return;
        _world.Count($"{Plan.Transport}SnapshotFails");
        Cancel();
    }

    private void EndWithoutMembers()
    {
        if (!_over)
            End(failed: _served.Count == 0);
    }

    private void End(bool failed)
    {
        _over = true;
        _payload.Dispose();
        _primary.SnapshotEnded(this, failed ? [] : _served, failed);
    }
}
