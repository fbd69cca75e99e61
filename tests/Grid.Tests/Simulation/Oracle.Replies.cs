using System.Text;
using Grid.Formats.Mutations;
using Grid.Formats.Operations;
using Grid.Replication.Records;

namespace Grid.Tests.Simulation;

/// <content>
/// What clients are told: everything that a reply depends on is committed, and it shows what there was at some moment
/// between the request's arrival and the reply.
/// </content>
internal sealed partial class Oracle
{
    private readonly Dictionary<(long Epoch, ClientTry Try), Arrival> _arrivals = [];
    private readonly HashSet<(ulong Client, long Number)> _toldNothing = [];
    private readonly Dictionary<LogPosition, (ulong Client, long Number)> _operationAt = [];

    public void BeforeExecute(SimPrimary primary, ClientTry attempt)
    {
        CheckPrimary(primary);
        if (!_reigns.TryGetValue(primary.Core.Epoch, out Reign? reign) || _arrivals.ContainsKey((reign.Epoch, attempt)))
            return;
        long[] depends = [.. attempt.Call.Operations.Select(operation =>
            !operation.Looks ? 0 : operation.LooksAtAll ? reign.Model.NewestIn(operation.Keyspace, reign.End) : reign.Model.NewestOf(operation.Keyspace, operation.Key))];
        _arrivals[(reign.Epoch, attempt)] = new Arrival(reign.End, depends, world.Steps);
    }

    /// <summary>A reply leaves.</summary>
    public void OnReply(SimPrimary primary, ClientTry attempt, byte[] reply)
    {
        ClientCall call = attempt.Call;
        CheckPrimary(primary);
        ReplyHeader header = ReplyHeader.Read(reply);
        if (header.Status != BatchStatus.Ok)
            return;
        CheckLeases(primary.Core.Epoch, "answers");
        Require(call.Committed || !IsGivenUp(primary.Core.Record.Lineage), $"loss: epoch {primary.Core.Epoch} of a line of data that was given up answers {call}");
        _arrivals.Remove((primary.Core.Epoch, attempt), out Arrival? arrival);
        long committed = primary.Core.Committed;
        Require(header.Epoch == primary.Core.Epoch, $"9: a reply of epoch {header.Epoch} in epoch {primary.Core.Epoch}");
        Reign reign = _reigns[primary.Core.Epoch];
        List<SimResult> results = call.ReadResults(reply);
        Require(results.Count == call.Operations.Count, $"10: {results.Count} results for {call}");
        if (results.Count == 1 && results[0].Status == OperationStatus.Overloaded && arrival?.Step == world.Steps)
            CheckRefusal(primary, call);
        for (int i = 0; i < results.Count; i++)
        {
            if (results[i].Status is OperationStatus.NotEnoughReplicas or OperationStatus.Overloaded or OperationStatus.Invalid or OperationStatus.Overtaken or OperationStatus.SessionExpired)
                continue;
            TrueMutation? effect = EffectOf(reign, call, i, results[i], committed);
            Require(
                arrival is null || effect?.At.Offset <= arrival.LogEnd || arrival.DependsAtLeast[i] <= committed,
                $"9: result {i} of {call}, {results[i].Status}, depends on {arrival?.DependsAtLeast[i]}, only {committed} is committed");
            CheckResult(reign, call, call.Operations[i], results[i], committed);
            if (arrival is not null && effect is null)
                CheckSeen(reign, call, call.Operations[i], results[i], arrival.LogEnd, Math.Max(committed, arrival.LogEnd));
        }

        if (call.Durability == WriteDurability.Replicated && results.Where((result, i) => result.Status == OperationStatus.Ok && IsWrite(call.Operations[i])).Any())
            CheckEnoughMembers(primary, call);
    }

    /// <summary>
    /// The effect that a successful write had, be it when it was sent before: exactly that one is told, and not before it is safe.
    /// </summary>
    private TrueMutation? EffectOf(Reign reign, ClientCall call, int i, SimResult result, long committed)
    {
        SimOperation operation = call.Operations[i];
        if (call.FirstOperation == 0 || result.Status != OperationStatus.Ok || !IsWrite(operation))
            return null;
        TrueMutation? effect = reign.Model.Sessions.EffectOf(call.Client.Id, call.FirstOperation + i);
        Require(effect is not null || operation.Kind == OperationKind.Clear, $"10: result {i} of {call} is Ok, and it took no effect");
        Require(call.Durability == WriteDurability.Primary || effect is null || effect.At.Offset <= committed, $"9: result {i} of {call} tells of {effect?.At}, only {committed} is committed");
        Require(result.Version == 0 || result.Version == effect!.Version, $"10: result {i} of {call} shows version {result.Version:x}, its effect is {effect?.At}");
        Require(result.Number == effect?.Result || effect is null, $"10: result {i} of {call} is {result.Number}, it was {effect?.Result} at first");
        return effect;
    }

    /// <summary>A client takes a reply. What it is told to have had no effect has none from then on.</summary>
    public void OnTold(ClientCall call, List<SimResult> results)
    {
        for (int i = 0; i < results.Count; i++)
        {
            if (Losses > 0 || call.FirstOperation == 0 || !IsWrite(call.Operations[i]) || results[i].Status is OperationStatus.Ok or OperationStatus.SessionExpired)
                continue;
            (ulong, long) operation = (call.Client.Id, call.FirstOperation + i);
            _toldNothing.Add(operation);
            Require(
                _committed.Epoch == 0 || _reigns[_committed.Epoch].Model.Sessions.EffectOf(call.Client.Id, call.FirstOperation + i) is not { } effect || effect.At.Offset > _committed.Offset,
                $"10: operation {operation} was told {results[i].Status} and took effect");
        }
    }

    /// <summary>Whose operation a mutation is the effect of; a session may be gone by the time that it is committed.</summary>
    private void NoteOperation(Reign reign, TrueMutation mutation)
    {
        if (!mutation.Origin.IsNone)
            _operationAt[mutation.At] = (reign.Model.Sessions.ClientOf(mutation.Origin.Session), mutation.Origin.Number);
    }

    /// <summary>What a deposed primary still appends is nobody's effect: what is committed counts.</summary>
    private void RequireUntold(LogPosition at) =>
        Require(!_operationAt.TryGetValue(at, out (ulong, long) operation) || !_toldNothing.Contains(operation), $"10: operation {operation} takes effect at {at}, its client was told that it had none");

    private void CheckResult(Reign reign, ClientCall call, SimOperation operation, SimResult result, long committed)
    {
        if (result.Version == 0)
            return;
        LogPosition at = new(EntryVersion.Epoch(result.Version), EntryVersion.Offset(result.Version));
        Require(reign.Holds(at), $"9: the reply to {call} shows version {at}, which is no part of epoch {reign.Epoch}");
        bool isWrite = operation.Kind is OperationKind.Set or OperationKind.Increment or OperationKind.Expire && result.Status == OperationStatus.Ok;
        if (isWrite && call.Durability == WriteDurability.Primary)
            return;
        Require(at.Offset <= committed, $"9: the reply to {call} shows version {at}, only {committed} is committed");
        TrueMutation written = _truth[at];
        if (operation.Kind == OperationKind.Get)
        {
            Require(written.Key == operation.Key, $"9: the reply to {call} shows {at}, which wrote {written.Key}");
            Require(written.Kind != MutationKind.Set || written.Value == result.Value, $"9: the reply to {call} shows {at} with a value that was not written there");
        }

        if (operation.Kind == OperationKind.Increment && result.Status == OperationStatus.Ok)
            Require(written.Value == result.Number.ToString(), $"9: the reply to {call} counts {result.Number}, {at} wrote {written.Value}");
        if (isWrite && at.Offset > _acknowledged.Offset)
            _acknowledged = at;
    }

    /// <summary>Linearizable within the reign: what is shown was so at some moment of the request's life.</summary>
    private void CheckSeen(Reign reign, ClientCall call, SimOperation operation, SimResult result, long from, long to)
    {
        switch (operation.Kind, result.Status)
        {
            case (OperationKind.Scan, _):
                CheckScan(reign, call, operation, result.Packed!, from, to);
                return;
            case (OperationKind.Statistics, _):
                long entries = KeyspaceCounts.Read(result.Packed).Entries;
                Require(reign.Times.Had(operation.Keyspace, entries, from, to), $"9: the reply to {call} counts {entries} entries of {operation.Keyspace}, which it never had between {from} and {to}");
                return;
            case (OperationKind.Clear, _) or (OperationKind.Set or OperationKind.Increment or OperationKind.Expire, OperationStatus.Ok):
                return;
        }

        // A delete that was done leaves no entry, and with the durability of the primary alone it may not be committed yet.
        bool deleted = operation.Kind == OperationKind.Delete && result.Status == OperationStatus.Ok;
        ulong version = deleted ? 0 : result.Version;
        to = deleted ? reign.End : to;
        Require(
            reign.Times.Was(operation.Keyspace, operation.Key, from, to, state => state.Version == version),
            $"9: the reply to {call}, {operation.Kind} {operation.Keyspace}/{operation.Key} {result.Status}, shows version {version:x}, which it never had between {from} and {to} of epoch {reign.Epoch}");
    }

    private void CheckScan(Reign reign, ClientCall call, SimOperation operation, byte[] packed, long from, long to)
    {
        ScanPageReader page = new(packed);
        HashSet<string> seen = [];
        while (page.TryRead(out ReadOnlySpan<byte> bytes, out _, out ulong version, out _))
        {
            string key = Encoding.UTF8.GetString(bytes);
            Require(seen.Add(key), $"9: {call} scans {key} twice");
            Require(
                reign.Times.Was(operation.Keyspace, key, from, to, state => state.Version == version),
                $"9: {call} scans {key} with version {version:x}, which it never had between {from} and {to}");
        }

        if (!page.Done)
            return;
        foreach (string key in reign.Times.KeysOf(operation.Keyspace).Where(key => !seen.Contains(key)))
            Require(reign.Times.Was(operation.Keyspace, key, from, to, state => state.Version == 0 || state.Expiry != 0), $"9: {call} scans all of {operation.Keyspace} and misses {key}");
    }

    /// <summary>A replicated write succeeds only while every set that the record may hold has as many members as asked for.</summary>
    private void CheckEnoughMembers(SimPrimary primary, ClientCall call)
    {
        foreach (ShardRecord record in world.Store.MayLand(shard).Append(world.Store.Current(shard)))
        {
            if (record.Epoch == primary.Core.Epoch)
                Require(record.Members.Count() >= primary.Options.MinInSync, $"in-sync: {call} succeeds while the record may hold {record}, with fewer than {primary.Options.MinInSync} members");
        }
    }

    public static bool IsWrite(SimOperation operation) =>
        operation.Kind is OperationKind.Set or OperationKind.Delete or OperationKind.Increment or OperationKind.Expire or OperationKind.Clear;

    /// <summary>What a request found when it arrived.</summary>
    private sealed record Arrival(long LogEnd, long[] DependsAtLeast, long Step);
}
