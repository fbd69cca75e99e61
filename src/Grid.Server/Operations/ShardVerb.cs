using System.CommandLine;
using System.Globalization;
using Grid.Client.Contracts.Operator;
using Grid.Server.Clusters;
using Grid.Server.Terminals;

namespace Grid.Server.Operations;

/// <summary><c>grid shard</c>: what is done to one shard.</summary>
internal static class ShardVerb
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(200);

    public static Command Create() => new("shard", "Moves a shard, or goes on after its loss.") { CreateMove(), CreateRelease(), CreateAcceptLoss() };

    private static Command CreateMove()
    {
        Argument<string> shard = new("SHARD") { Description = "The shard's number." };
        Argument<string> silo = new("SILO") { Description = "The silo, by name or address, that is to have the primary." };
        ConnectOptions connect = new();
        Command move = new("move", "Moves a shard's primary to a silo, without an error at any client; makes a copy there first where there is none. It stays there until its silo drains, stops or fails, it is moved again, or 'grid shard release'.") { shard, silo };
        connect.AddTo(move);
        move.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            ClusterStatus status = await cluster.Operator.AskStatusAsync(cancellation);
            int number = SiloNames.Shard(status, parsed.GetValue(shard)!);
            string address = SiloNames.Find(status, parsed.GetValue(silo)!);
            await MoveAsync(cluster.Operator, number, address, cancellation);
            await Console.Out.WriteLineAsync($"The primary of shard {number} is on {SiloNames.Of(status, address)}.");
            return ExitCode.Done;
        });
        return move;
    }

    private static Command CreateRelease()
    {
        Argument<string> shard = new("SHARD") { Description = "The shard's number." };
        ConnectOptions connect = new();
        Command release = new("release", "Lets the rebalance have a shard again that was moved by hand.") { shard };
        connect.AddTo(release);
        release.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            int number = SiloNames.Shard(await cluster.Operator.AskStatusAsync(cancellation), parsed.GetValue(shard)!);
            if (await cluster.Operator.ReleaseShardAsync(number) is { } problem)
                throw new CommandException(ExitCode.Failed, $"shard {number} is not released: {problem}.");
            await Console.Out.WriteLineAsync($"Shard {number} goes where it is most even, if Grid:Rebalance is on.");
            return ExitCode.Done;
        });
        return release;
    }

    private static async Task MoveAsync(IGridOperatorGrain grid, int shard, string address, CancellationToken cancellation)
    {
        string told = "";
        while (true)
        {
            MoveProgress progress = await grid.MoveShardAsync(shard, address);
            if (progress.Problem is { } problem)
                throw new CommandException(ExitCode.Failed, $"shard {shard} is not moved: {problem}.");
            if (progress.Done)
                return;
            if (progress.Phase != told)
                Terminal.Note($"shard {shard}: {progress.Phase}");
            told = progress.Phase;
            await Task.Delay(Pause, cancellation);
        }
    }

    private static Command CreateAcceptLoss()
    {
        Argument<string> shard = new("SHARD") { Description = "The shard's number." };
        Option<bool> yes = new("--yes", "-y") { Description = "Do not ask." };
        ConnectOptions connect = new();
        Command accept = new("accept-loss", "Goes on with a shard of which no in-sync copy can be had: with the best whole copy that has survived, or empty. What only the lost copies had is gone for good.") { shard, yes };
        connect.AddTo(accept);
        accept.SetAction(async (parsed, cancellation) =>
        {
            await using ClusterConnection cluster = await connect.OpenAsync(parsed, cancellation);
            ClusterStatus status = await cluster.Operator.AskStatusAsync(cancellation);
            int number = SiloNames.Shard(status, parsed.GetValue(shard)!);
            LossReport plan = await cluster.Operator.PlanLossAsync(number);
            Refuse(status, plan);
            await Console.Out.WriteLineAsync(Describe(status, plan));
            if (!parsed.GetValue(yes) && !Confirms(number))
                throw new CommandException(ExitCode.No, "nothing was done.");
            LossReport done = await cluster.Operator.AcceptLossAsync(number);
            Refuse(status, done);
            await Console.Out.WriteLineAsync($"Shard {number} goes on {(done.Empty ? "empty" : "with that copy")} on {SiloNames.Of(status, done.Silo)}, in a new line of data; see 'grid status'.");
            return ExitCode.Done;
        });
        return accept;
    }

    private static void Refuse(ClusterStatus status, LossReport report)
    {
        if (report.Obstacle is { } obstacle)
            throw new CommandException(ExitCode.Failed, $"the loss of shard {report.Shard} cannot be accepted: {SiloNames.InText(obstacle, silo => SiloNames.Of(status, silo))}.");
    }

    private static string Describe(ClusterStatus status, LossReport plan)
    {
        string lost = string.Join(", ", plan.LostSilos.Select(silo => silo.Split('@')[0]));
        string went = $"The last in-sync copies of shard {plan.Shard} were on {lost}; none of them can be had. ";
        return plan.Empty
            ? went + "No whole copy has survived: the shard would begin anew without any entry. All its data are lost."
            : went + string.Create(
                CultureInfo.InvariantCulture,
                $"The best copy that has survived is on {SiloNames.Of(status, plan.Silo)}: {plan.Entries:N0} entries{(plan.Unapplied > 0 ? $" and {plan.Unapplied:N0} mutations that are not in them yet" : "")}, up to mutation {plan.Offset:N0} of epoch {plan.Epoch}. What was written behind that, acknowledged or not, is lost; how much it was is not known (the last reign was epoch {plan.RecordedEpoch}).");
    }

    private static bool Confirms(int shard)
    {
        if (Console.IsInputRedirected)
            throw new CommandException(ExitCode.Usage, "nobody can be asked here; say --yes if the loss is accepted.");
        Console.Error.Write($"Accept the loss? Type the shard's number, {shard}, to go on: ");
        return Console.ReadLine()?.Trim() == shard.ToString(CultureInfo.InvariantCulture);
    }
}
