using Grid.Formats.Mutations;
using Grid.Replication.Copies;
using Grid.Replication.Links;
using Grid.Replication.Primary;
using Grid.Replication.Records;
using Grid.Replication.Replica;

namespace Grid.Tests.Simulation;

/// <content>Links and snapshots: who continues and who loads, windows, cohorts, bounds.</content>
internal sealed partial class Oracle
{
    /// <summary>What a snapshot keeps grows by pages, also between the look at it and the end of the tick.</summary>
    private const int PageBytes = (64 << 10) + 64;

    /// <summary>Heads, keys, and what is said at an attach, however much is under way.</summary>
    private const int AnnouncementsBytesMax = 8 << 10;

    private readonly Dictionary<(long Epoch, string Silo), long> _attaches = [];
    private readonly Dictionary<(long Epoch, string Silo, long Attach), long> _waitsSinceMs = [];
    private readonly Dictionary<string, long> _snapshotLostIn = [];
    private readonly HashSet<long> _foundWrong = [];

    public void OnReport(SimPrimary primary, PrimaryEvent what, string silo, string details)
    {
        NoteBudget(primary, what, silo);
        NoteCause(primary, what, silo, details);
        FullSyncs += what == PrimaryEvent.WindowClosed ? 1 : 0;
        LinksEnded += what == PrimaryEvent.LinkEnded ? 1 : 0;
        if (what == PrimaryEvent.LinkEnded && details.StartsWith("it has not been heard of", StringComparison.Ordinal))
            CheckSilence(primary, silo);
        if (what == PrimaryEvent.LinkEnded && details == "its snapshot was given up")
            _snapshotLostIn[silo] = world.Steps;
    }

    /// <summary>The last offset from which a replica could go on; null when only a snapshot helps.</summary>
    public long? WhereToContinue(SimPrimary primary, AttachRequest request)
    {
        if (!request.Complete || request.Lineage != primary.Core.Record.Lineage || !_reigns.TryGetValue(primary.Core.Epoch, out Reign? reign))
            return null;
        Learn(primary, reign);
        Grid.Replication.Log.ShardHistory history = new(request.History);
        for (long offset = request.LogEnd; offset >= Math.Max(request.Applied, primary.Copy.Log.FirstOffset - 1); offset--)
        {
            if (reign.Holds(new LogPosition(history.EpochAt(offset), offset)))
                return offset;
        }

        return null;
    }

    public void OnAttached(SimPrimary primary, AttachRequest request, long? expected)
    {
        long epoch = primary.Core.Epoch;
        string silo = request.Copy.Silo;
        Require(_attaches.GetValueOrDefault((epoch, silo), -1) < request.Attach, $"links: attach {request.Attach} of {silo} replaces attach {_attaches.GetValueOrDefault((epoch, silo))}");
        _attaches[(epoch, silo)] = request.Attach;
        _foundWrong.Add(request.FailedSnapshot);
        NoteAttached(silo);
        PrimaryLink link = primary.Core.Links.First(link => link.Silo == silo);
        Require(
            link.Phase == LinkPhase.Online == expected is not null,
            $"links: {silo} at {request.LogEnd}, applied {request.Applied}, could go on behind {expected}, and is {link.Phase}");
        NoteWaiting(primary);
    }

    /// <summary>A tick has done what is due.</summary>
    public void AfterTick(SimPrimary primary)
    {
        ShardPrimary core = primary.Core;
        if (core.IsDown)
            return;
        PrimaryOptions options = primary.Options;
        NoteWaiting(primary);
        long nowMs = primary.Now.MonotonicMs;
        foreach (PrimaryLink link in core.Links.Where(link => link.Phase == LinkPhase.Waiting))
        {
            long waited = nowMs - _waitsSinceMs[(core.Epoch, link.Silo, link.Attach)];
            Require(primary.IsSyncing || primary.Silo.Places.IsWaiting(primary) || waited < options.SyncWindowMs, $"window: {link.Silo} has waited for {waited} ms, the window is {options.SyncWindowMs} ms long");
        }

        if (primary.Job is { } job && core.Links.Any(link => link.Phase == LinkPhase.Syncing && link.SnapshotId == job.Plan.SnapshotId))
            Require(job.Plan.Scan.KeptBytes <= options.SnapshotKeptBytesMax + PageBytes, $"12: a snapshot keeps {job.Plan.Scan.KeptBytes} bytes, at most {options.SnapshotKeptBytesMax} are allowed");
        foreach (PrimaryLink link in core.Links.Where(link => link.Pins && !core.RequiredMembers().Contains(link.Copy)))
        {
            long pinned = primary.Copy.Log.BytesFrom(link.NextOffset);
            Require(pinned <= options.SyncPinBytesMax + ChunkBytes + (4 * world.Plan.ValueBytesMax), $"12: {link.Silo} pins {pinned} bytes of log, at most {options.SyncPinBytesMax} may be");
        }

        Require(!core.IsSealed || nowMs - _reigns[core.Epoch].SealedAtMs < options.SealedMs, $"hand-over: epoch {core.Epoch} has been sealed for {nowMs - _reigns[core.Epoch].SealedAtMs} ms, at most {options.SealedMs} are allowed");
        Require(core.BatchesKeptMost <= options.BatchesBehindHoleMax, $"12: {core.BatchesKeptMost} batches of one client wait behind a hole, at most {options.BatchesBehindHoleMax} may");
        long holeMs = core.OldestHoleMs(primary.Now);
        Require(holeMs < options.HoleWaitMs, $"12: a batch has waited behind a hole for {holeMs} ms, {options.HoleWaitMs} ms are allowed");
        int waitingMax = options.RepliesWaitingMax + Math.Min(options.BatchesBehindHoleMax, world.Plan.OutstandingMax);
        Require(core.RepliesWaiting <= waitingMax, $"12: {core.RepliesWaiting} replies wait, at most {options.RepliesWaitingMax} may, and what waits behind one hole");
    }

    public void OnSnapshot(SimPrimary primary, SnapshotPlan plan, Func<SnapshotMember, bool> decodesLz4)
    {
        PrimaryOptions options = primary.Options;
        Require(plan.Members.Count > 0, $"window: a snapshot for nobody");
        int capable = plan.Members.Count(decodesLz4);
        Require(
            plan.Announcement.Compressed == (options.Compress && capable == plan.Members.Count),
            $"cohort-AND: compressed {plan.Announcement.Compressed} for a cohort of {plan.Members.Count}, compression {options.Compress}, {capable} decode it");
        Require(
            !options.Compress || options.MixedCohort == MixedCohort.And || capable == 0 || capable == plan.Members.Count,
            $"cohort-Split: {capable} of a cohort of {plan.Members.Count} decode lz4, the others do not");
        Require(options.MaxCohort == 0 || plan.Members.Count <= options.MaxCohort, $"window: a cohort of {plan.Members.Count}, at most {options.MaxCohort} allowed");
        Require(plan.Announcement.BaseOffset == primary.Core.LogEnd, $"snapshot: base {plan.Announcement.BaseOffset} is not the log's end {primary.Core.LogEnd}");
        Require(plan.Transport == options.Transport, $"snapshot: it goes to {plan.Transport}, not to {options.Transport}");
        Require(!primary.Silo.Places.IsWaiting(primary), $"12: a snapshot is begun without a place for it");
        foreach (SnapshotMember member in plan.Members)
        {
            CheckNotNamed(primary, member);
            OnFullSync(primary, member.Silo);
        }
    }

    /// <summary>A saved snapshot goes to a member of the cohort, or to one that came late.</summary>
    public void OnSending(SimPrimary primary, SavedSnapshot saved, SnapshotMember member, ReplicaCapabilities capabilities)
    {
        Require(
            !saved.Announcement.Compressed || capabilities.HasFlag(ReplicaCapabilities.Lz4),
            $"snapshot: {member.Silo} gets a compressed file and cannot decode it");
        Require(!member.DualChannel || capabilities.HasFlag(ReplicaCapabilities.DualChannel), $"snapshot: {member.Silo} has one channel and is sent on two");
        Require(!_foundWrong.Contains(saved.Announcement.SnapshotId), $"snapshot: {member.Silo} gets the file of snapshot {saved.Announcement.SnapshotId:x}, which was found to be wrong");
        CheckNotNamed(primary, member);
    }

    private void CheckNotNamed(SimPrimary primary, SnapshotMember member)
    {
        ShardRecord record = world.Store.Current(shard);
        CopyName? old = world.Find(member.Silo)?.Slot(shard).Copy?.Name;
        Require(
            old is null || record.Epoch != primary.Core.Epoch || !record.Names(old.Value),
            $"in-sync: {member.Silo} gets a full sync while the record names its copy {old}");
    }

    /// <summary>Whether a change of settings leaves a link alone: only one whose command stream would be agreed on differently ends.</summary>
    public static bool StaysWith(PrimaryLink link, PrimaryOptions options) =>
        link.Phase != LinkPhase.Online || link.Packer is not null == (options.Compress && link.Request.Capabilities.HasFlag(ReplicaCapabilities.Lz4));

    /// <summary>The same at the other end: a replica attaches anew only where its command stream would be agreed on differently.</summary>
    public void AfterChange(SimReplica replica, bool stays, long attach) => Require(
        !stays || replica.Core.AttachNumber == attach,
        $"settings: {replica.Silo.Name} attaches anew after a change that does not concern its link");

    public void AfterChange(SimPrimary primary, Dictionary<string, (long Attach, bool Stays)> before)
    {
        if (primary.Core.IsDown)
            return;
        foreach ((string silo, (long attach, bool stays)) in before)
        {
            // What is kept for a snapshot may pass its bound in this very step, which has nothing to do with the change.
            if (_snapshotLostIn.GetValueOrDefault(silo, -1) == world.Steps)
                continue;
            bool stayed = primary.Core.Links.Any(link => link.Silo == silo && link.Attach == attach);
            Require(stayed == stays, $"settings: the link to {silo} {(stayed ? "stays" : "ends")} after a change that {(stays ? "does not concern" : "concerns")} it");
        }
    }

    /// <summary>A snapshot ends before its time only when no member is left.</summary>
    public void OnSnapshotCancelled(SimPrimary primary, long snapshotId) => Require(
        !primary.Core.Links.Any(link => link.Phase == LinkPhase.Syncing && link.SnapshotId == snapshotId),
        $"snapshot: it is cancelled while members still load it");

    /// <summary>What became of a snapshot, or of its way to one member, ends no link of a member that is online.</summary>
    public void AfterSnapshot(SimPrimary primary, IEnumerable<(string Silo, long Attach)> online)
    {
        foreach ((string silo, long attach) in online)
        {
            bool stays = primary.Core.IsDown || primary.Core.Links.Any(link => link.Silo == silo && link.Attach == attach);
            Require(stays, $"snapshot: the link to {silo}, which is online, ends with a snapshot that it has loaded");
        }
    }

    /// <summary>A replica asks to follow, of its own accord or because it was told to.</summary>
    public void OnAttaching(SimReplica replica, AttachRequest request, long sinceLastMs, int inRow)
    {
        Require(
            !replica.Core.IsFaulted || !request.Capabilities.HasFlag(ReplicaCapabilities.Lz4),
            $"snapshot: {request.Copy.Silo} is faulted and still asks for a compressed one");
        long pause = Math.Min((long)world.Plan.Replica.BackoffMs << Math.Clamp(inRow - 1, 0, 16), world.Plan.Replica.BackoffMaxMs) / 2;
        Require(inRow == 0 || sinceLastMs >= pause, $"links: {request.Copy.Silo} attaches for the {inRow + 1}th time in a row, {sinceLastMs} ms after the one before, not {pause} ms");
    }

    /// <summary>What belongs to another attach or another snapshot changes nothing.</summary>
    public void OnStrangeItem(SimSilo silo, bool unchanged, string change) =>
        Require(unchanged, $"links: {silo.Name} took an item of another attach or snapshot: {change}");

    /// <summary>A load that takes long is no stall: nobody is dropped as silent because of it. Who is cut off at this moment is silent for another reason.</summary>
    private void CheckSilence(SimPrimary primary, string silo)
    {
        if (world.Find(silo) is not { } there || there.Slot(shard).Replica is not { Core.Phase: ReplicaPhase.Loading })
            return;
        long calmMs = (2 * primary.Options.ReplicaTimeoutMs) + 500;
        bool calm = primary.Options.ReplicaTimeoutMs >= 600 && (!world.Chaos || world.Plan.CallStuck < 0.05);
        bool undisturbed = calm && world.NowMs - Math.Max(there.TroubledUntilMs, primary.Silo.TroubledUntilMs) > calmMs
            && there.Known[shard] == primary.Silo && primary.Silo.Slot(shard).Primary == primary
            && world.Reaches(there, primary.Silo) && world.Reaches(primary.Silo, there);
        Require(!undisturbed, $"links: {silo} loads, and is dropped as silent");
    }

    /// <summary>The primary knows how much a replica keeps, and counts what it sends.</summary>
    public void OnLoadOverrun(SimSilo silo, string details) => Require(false, $"12: {silo.Name} dropped its load: {details}");

    private void NoteWaiting(SimPrimary primary)
    {
        foreach (PrimaryLink link in primary.Core.Links)
        {
            if (link.Phase == LinkPhase.Waiting)
                _waitsSinceMs.TryAdd((primary.Core.Epoch, link.Silo, link.Attach), primary.Now.MonotonicMs);
        }
    }

    private void CheckLink(SimPrimary primary, PrimaryLink link)
    {
        Require(link.Unsent.Count <= primary.Options.ItemsUnsentMax + 2, $"12: {link.Unsent.Count} items to {link.Silo} are unsent");
        Require(
            link.Unsent.Bytes <= Math.Max(primary.Options.BytesUnsentMax, Math.Max(primary.Options.ItemBytesMax, world.Plan.ValueBytesMax)) + AnnouncementsBytesMax,
            $"12: {link.Unsent.Bytes} bytes to {link.Silo} are unsent");
        if (!link.Pins)
            return;
        Require(primary.Copy.Log.FirstOffset <= link.NextOffset, $"11: the log begins at {primary.Copy.Log.FirstOffset}, {link.Silo} is still to be sent {link.NextOffset}");
        if (link.Phase != LinkPhase.Online || link.Acknowledged < 0)
            return;
        Slot? slot = world.Find(link.Silo)?.Slot(shard);
        Require((slot?.Coming ?? slot?.Copy) is not { State: CopyState.Loading } loading || loading.Name != link.Copy, $"8: the link to {link.Silo} is online at {link.Acknowledged}, its copy is being loaded");
        if (slot?.Copy is { } copy && copy.Name == link.Copy && slot.Replica?.Core.AttachNumber == link.Attach)
            Require(link.Acknowledged <= copy.Log.EndOffset, $"8: {link.Silo} is noted at {link.Acknowledged} in epoch {primary.Core.Epoch}, its log ends at {copy.Log.EndOffset}");
    }
}
