using Grid.Formats.Buffers;
using Grid.Formats.Links;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Silo.Telemetry;
using Microsoft.Win32.SafeHandles;

namespace Grid.Silo.Snapshots;

/// <summary>
/// One snapshot of a shard's primary from its beginning to its end: sent straight to its cohort, or written to a file and sent
/// from there to whoever is to have it.
/// </summary>
/// <remarks>
/// Runs off the grain; only the scan's slices and the reports to the state machine happen on its turns. Members are admitted and leave on those turns as well, before
/// anything is sent to them: so one whose link ends at once is never sent anything.
/// </remarks>
internal sealed class SnapshotJob : IDisposable
{
    private readonly SnapshotJobSetting _setting;
    private readonly CancellationTokenSource _cancel = new();
    private readonly CancellationToken _cancelled;
    private readonly List<SyncMember> _members = [];
    private readonly SyncMember[] _cohort;
    private string? _file;

    /// <summary>On a turn: admits the cohort of a diskless snapshot.</summary>
    public SnapshotJob(SnapshotPlan plan, SnapshotJobSetting setting)
    {
        Plan = plan;
        _setting = setting;
        _cancelled = _cancel.Token;
        _cohort = plan.Transport == SyncTransport.Diskless ? [.. plan.Members.Select(Admit)] : [];
    }

    public SnapshotPlan Plan { get; }

    /// <summary>Runs a diskless snapshot until it is sent, nobody is left to take it, or it is cancelled.</summary>
    public async Task<SnapshotOutcome> SendAsync()
    {
        CohortSender cohort = NewSender(_cohort, new SnapshotItems(Plan.SnapshotId, _setting.Epoch));
        await cohort.SendEachAsync(member => AnnouncementFor(member.Identity, Plan.Announcement), _cancelled);
        using SnapshotProducer producer = new(Plan, _setting.Shard, _setting.ChunkBytes, _setting.OnTurn);
        await using IAsyncEnumerator<PooledBuffer> chunks = producer.ProduceAsync(_cancelled).GetAsyncEnumerator(_cancelled);
        while (await cohort.WhileMakingAsync(chunks.MoveNextAsync()))
        {
            if (cohort.Count > 0)
                await cohort.SendAsync(chunks.Current, _cancelled);
            else
                chunks.Current.Release();
            if (cohort.Count == 0)
                await _cancel.CancelAsync();
        }

        await cohort.EndAsync(producer.Entries, _cancelled);
        return Report(producer, _cohort.Count(static member => !member.HasLeft));
    }

    /// <summary>Writes a snapshot to its file.</summary>
    public async Task<SnapshotOutcome> SaveAsync()
    {
        _file = _setting.Files.PathOf(_setting.Shard, Plan.SnapshotId, Plan.Announcement.Compressed);
        using SafeFileHandle file = File.OpenHandle(_file, FileMode.Create, FileAccess.Write, FileShare.Read, FileOptions.Asynchronous);
        using SnapshotProducer producer = new(Plan, _setting.Shard, _setting.ChunkBytes, _setting.OnTurn);
        long written = 0;
        await foreach (PooledBuffer chunk in producer.ProduceAsync(_cancelled))
        {
            ReadOnlyMemory<byte> bytes = chunk.Memory[LinkItem.HeadLength..];
            await RandomAccess.WriteAsync(file, bytes, written, _cancelled);
            written += bytes.Length;
            chunk.Release();
        }

        return Report(producer, 0);
    }

    /// <summary>On a turn: takes in a member that is to get the snapshot.</summary>
    public SyncMember Admit(SnapshotMember identity)
    {
        Func<PooledBuffer, Task> stream = _setting.StreamOf(identity);
        SyncMember member = new(
            identity,
            item =>
            {
                _setting.Instruments.OnItem(item.Length);
                return stream(item);
            },
            bytes => _setting.WhenHeldAtMost(identity, bytes));
        _members.Add(member);
        return member;
    }

    /// <summary>Sends the file to one member that was admitted, at its own speed.</summary>
    /// <returns>False when the member was left behind, or has left.</returns>
    public async Task<bool> SendSavedAsync(SavedSnapshot saved, SyncMember member)
    {
        SnapshotItems items = new(Plan.SnapshotId, _setting.Epoch, member.Identity.Attach);
        CohortSender cohort = NewSender([member], items);
        if (cohort.Count == 0)
            return false;
        await cohort.SendEachAsync(one => AnnouncementFor(one.Identity, saved.Announcement), _cancelled);
        using SafeFileHandle file = File.OpenHandle(_file!, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.Asynchronous | FileOptions.SequentialScan);
        while (cohort.Count > 0 && items.Bytes < saved.Announcement.Length)
            await cohort.SendAsync(await ReadChunkAsync(file, items.Bytes, saved.Announcement.Length, _cancelled), _cancelled);
        if (cohort.Count > 0)
            await cohort.EndAsync(saved.Entries, _cancelled);
        return cohort.Count > 0;
    }

    /// <summary>On a turn: a member's link has ended, it gets nothing more.</summary>
    public void Leave(string silo)
    {
        foreach (SyncMember member in _members.Where(member => member.Identity.Silo == silo))
            member.Leave();
        _members.RemoveAll(static member => member.HasLeft);
    }

    /// <summary>Ends everything that is under way. From any thread.</summary>
    public void Cancel() => _cancel.Cancel();

    /// <summary>Removes the file, if there is one; who still reads it reads on.</summary>
    public void DeleteFile()
    {
        if (_file is not null)
            _setting.Files.Delete(_file);
    }

    /// <summary>To be called when nothing is to be begun any more; what is under way goes on.</summary>
    public void Dispose() => _cancel.Dispose();

    /// <summary>Frees the scan; on a turn, like everything that touches the store.</summary>
    public Task EndScanAsync() => _setting.OnTurn(() =>
    {
        Plan.Scan.Dispose();
        return true;
    });

    private SnapshotOutcome Report(SnapshotProducer producer, int served)
    {
        SnapshotOutcome outcome = new(producer.Entries, producer.RawBytes, producer.WireBytes, served);
        _setting.Instruments.OnSent(outcome);
        return outcome;
    }

    private CohortSender NewSender(IReadOnlyList<SyncMember> members, SnapshotItems items) =>
        new(members, items, _setting.Pace, _setting.StallTime, (member, problem) => _setting.MemberFailed(member.Identity, problem), _setting.Time);

    /// <summary>On the command stream the announcement is already; a snapshot stream begins with one as well.</summary>
    private PooledBuffer? AnnouncementFor(SnapshotMember member, SyncAnnouncement announcement) =>
        member.DualChannel ? announcement.ToItem(member.Attach, 0, _setting.Epoch, committed: 0) : null;

    private async ValueTask<PooledBuffer> ReadChunkAsync(SafeFileHandle file, long offset, long length, CancellationToken cancellation)
    {
        int wanted = (int)Math.Min(_setting.ChunkBytes, length - offset);
        PooledBuffer chunk = PooledBuffer.Rent(LinkItem.HeadLength + wanted);
        chunk.Advance(LinkItem.HeadLength);
        int filled = 0;
        while (filled < wanted)
        {
            int read = await RandomAccess.ReadAsync(file, chunk.GetMemory(wanted - filled)[..(wanted - filled)], offset + filled, cancellation);
            if (read == 0)
                throw new EndOfStreamException($"{_file} ends at byte {offset + filled} of {length}.");
            chunk.Advance(read);
            filled += read;
        }

        return chunk;
    }
}

/// <summary>What a snapshot's job needs of its surroundings.</summary>
internal sealed record SnapshotJobSetting
{
    public required int Shard { get; init; }

    public required long Epoch { get; init; }

    public required int ChunkBytes { get; init; }

    /// <summary>A member that takes nothing for this long is left behind.</summary>
    public required TimeSpan StallTime { get; init; }

    public required SyncPace Pace { get; init; }

    public required SnapshotFiles Files { get; init; }

    public required SyncInstruments Instruments { get; init; }

    /// <summary>Puts an item on the stream on which a member gets the snapshot; ends when the stream takes more. Asked for on a turn.</summary>
    public required Func<SnapshotMember, Func<PooledBuffer, Task>> StreamOf { get; init; }

    /// <summary>Ends when of what that stream holds now the member has acknowledged all but so many bytes; commands may follow on the same stream.</summary>
    public required Func<SnapshotMember, long, Task> WhenHeldAtMost { get; init; }

    /// <summary>For the scan's slices.</summary>
    public required OnTurn OnTurn { get; init; }

    /// <summary>Tells the state machine that a member was left behind, and why; ends when it knows.</summary>
    public required Func<SnapshotMember, string, Task> MemberFailed { get; init; }

    public required TimeProvider Time { get; init; }
}

/// <summary>What a snapshot came to.</summary>
/// <param name="Entries">Entries.</param>
/// <param name="RawBytes">Bytes uncompressed.</param>
/// <param name="WireBytes">Bytes as they travel, once for each member.</param>
/// <param name="MembersServed">Members that got all of it.</param>
internal readonly record struct SnapshotOutcome(long Entries, long RawBytes, long WireBytes, int MembersServed);
